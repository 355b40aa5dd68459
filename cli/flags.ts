/** Turns a zod schema into command-line flags: every key is a flag of the same name, help included. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';

/** What a key accepts, read from the schema. */
interface Property {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly items?: { readonly type?: string; readonly enum?: readonly string[] };
  /** What stands for the value in help; `text`, `number`, … where a key has none. */
  readonly placeholder?: string;
}

/** The keys of a schema in order, as JSON Schema describes them. */
export function properties(schema: z.ZodObject): [string, Property][] {
  const described = z.toJSONSchema(schema, { io: 'input' }) as { properties?: Record<string, Property> };
  return Object.entries(described.properties ?? {});
}

const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export const flagOf = (key: string): string => `--${kebab(key)}`;

/** Reads the number of a flag. */
const toNumber = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError(`Expected a number but received ${text}.`);
  return value;
};

function optionFor(key: string, property: Property): Option {
  const { type, default: value, placeholder } = property;
  const help = helpOf(property);
  switch (type) {
    case 'boolean':
      return new Option(value === true ? `--no-${kebab(key)}` : flagOf(key), help);
    case 'integer':
    case 'number':
      return new Option(`${flagOf(key)} <${placeholder ?? 'number'}>`, help).argParser(toNumber);
    case 'array':
      return new Option(`${flagOf(key)} <${placeholder ?? 'text'}...>`, help);
    default: {
      const option = new Option(`${flagOf(key)} <${placeholder ?? (property.enum ? 'name' : 'text')}>`, help);
      return property.enum ? option.choices(property.enum) : option;
    }
  }
}

/** What it means, then in brackets the choices and the default; that a switch is off and a list empty needs no words. */
function helpOf({ type, description = '', default: value, enum: choices }: Property): string {
  const isPlain = value === undefined || type === 'boolean' || (Array.isArray(value) && value.length === 0);
  const notes = [
    ...(choices ? [choices.join(' | ')] : []),
    ...(isPlain ? [] : [`default: ${typeof value === 'string' ? value : JSON.stringify(value)}`]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}

/** Keys that hold keys themselves stand in the file only. */
const flagProperties = (schema: z.ZodObject): [string, Property][] =>
  properties(schema).filter(([, { type, items }]) => type !== 'object' && items?.type !== 'object');

/** Adds one flag for each key of the schema. */
export function addFlags(command: Command, schema: z.ZodObject): void {
  for (const [key, property] of flagProperties(schema)) command.addOption(optionFor(key, property));
}

/** The keys that were given on the command line, and only those. */
export function givenFlags(command: Command, schema: z.ZodObject): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [key] of flagProperties(schema)) {
    if (command.getOptionValueSource(key) === 'cli') given[key] = command.getOptionValue(key);
  }
  return given;
}
