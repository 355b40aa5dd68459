/**
 * Rows of tab-separated text. pandas quotes whole fields, line breaks inside them too; elsewhere a quote is often a character like
 * any other, and never closed. So a quote at the beginning of a field counts only where it is closed at the end of one, and the text
 * between spans lines only as long as these do not look like rows of their own.
 */
type TsvRow = Readonly<Record<string, string>> | 'line-too-long';

/** Lines of one quoted field. Ours. */
const maxFieldLines = 200;
const maxFieldChars = 100_000;

/** From so many characters of a row on, tabs among them, no field of it takes more lines. Ours: rows of quoted line breaks would be without end. */
const maxRowChars = 1_000_000;

/**
 * The names of a first line that is a row already, as in the lists of Conceptual Captions: the URL's, the caption's, and numbers
 * after that. Null for one that has names.
 */
export function namesWithoutHeader(first: readonly string[]): string[] | null {
  const url = first.findIndex((field) => /^"?https?:\/\/\S+$/i.test(field.trim()));
  if (url === -1) return null;
  const caption = url === 0 ? 1 : 0;
  return first.map((_, at) => (at === url ? 'url' : at === caption ? 'caption' : `column_${at + 1}`));
}

/** The first line has the names, or is a row. A line that is too long is null, and its row is that. */
export async function* tsvRows(
  source: AsyncIterable<string | null>,
  onNames: (names: readonly string[]) => void,
): AsyncGenerator<TsvRow> {
  const lines = new LinesAhead(source);
  let names: string[] | null = null;
  for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
    if (line === null) {
      if (names === null) return;
      yield 'line-too-long';
      continue;
    }
    if (line === '') continue;
    const fields = await fieldsOf(line, lines);
    if (names === null) {
      const usual = namesWithoutHeader(fields);
      names = usual ?? fields;
      onNames(names);
      if (usual === null) continue;
    }
    // By the fields that it has: of many names a short row would cost far more than it weighs.
    const row = fields.slice(0, names.length).map((field, at) => [names![at]!, field] as const);
    yield Object.fromEntries(row);
  }
}

/** The fields of a row that begins with this line and takes what it needs of the next ones. */
async function fieldsOf(first: string, lines: LinesAhead): Promise<string[]> {
  const fields: string[] = [];
  let chars = 0;
  for (let rest: string | null = first; rest !== null; ) {
    const quoted: QuotedField | null = rest.startsWith('"')
      ? await quotedField(rest, chars < maxRowChars ? lines : null)
      : null;
    if (quoted !== null) {
      fields.push(quoted.text);
      chars += quoted.text.length + 1;
      rest = quoted.rest;
      continue;
    }
    const tab: number = rest.indexOf('\t');
    const field = tab === -1 ? rest : rest.slice(0, tab);
    fields.push(field);
    chars += field.length + 1;
    rest = tab === -1 ? null : rest.slice(tab + 1);
  }
  return fields;
}

interface QuotedField {
  readonly text: string;
  /** What follows the tab behind it; null at the end of the row. */
  readonly rest: string | null;
}

const closed = /^"([^"]*(?:""[^"]*)*)"(?:\t|$)/;
const open = /^"[^"]*(?:""[^"]*)*$/;
/** A field that is a URL, in text that was taken for one field: it is rows. */
const hasUrlField = /(?:^|[\t\n])https?:\/\/[^\s"]+(?=[\t\n])|\thttps?:\/\/[^\s"]+$/;

/** Without lines a field ends on its own. */
async function quotedField(start: string, lines: LinesAhead | null): Promise<QuotedField | null> {
  const within = closed.exec(start);
  if (within !== null) return fieldOf(start, within);
  if (lines === null || !open.test(start)) return null;
  let text = start;
  for (let ahead = 1; ahead <= maxFieldLines && text.length <= maxFieldChars; ahead += 1) {
    const line = await lines.peek(ahead);
    if (line === undefined || line === null) return null;
    text += `\n${line}`;
    if (!line.includes('"')) continue;
    const match = closed.exec(text);
    if (match === null) {
      if (open.test(text)) continue;
      return null;
    }
    if (hasUrlField.test(match[1]!)) return null;
    lines.drop(ahead);
    return fieldOf(text, match);
  }
  return null;
}

function fieldOf(line: string, [whole, text = '']: RegExpExecArray): QuotedField {
  return { text: text.replaceAll('""', '"'), rest: whole.endsWith('\t') ? line.slice(whole.length) : null };
}

/** Lines of which the next ones can be seen before they are taken. */
class LinesAhead {
  readonly #source: AsyncIterator<string | null>;
  #ahead: (string | null)[] = [];

  constructor(source: AsyncIterable<string | null>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Undefined at the end. */
  async next(): Promise<string | null | undefined> {
    if (this.#ahead.length > 0) return this.#ahead.shift();
    const next = await this.#source.next();
    return next.done ? undefined : next.value;
  }

  /** The line so many after the last that was taken. */
  async peek(count: number): Promise<string | null | undefined> {
    while (this.#ahead.length < count) {
      const next = await this.#source.next();
      if (next.done) return undefined;
      this.#ahead.push(next.value);
    }
    return this.#ahead[count - 1];
  }

  drop(count: number): void {
    this.#ahead.splice(0, count);
  }
}
