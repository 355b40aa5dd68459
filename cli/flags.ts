/** Turns a section of the configuration into command-line flags: every key is a flag of the same name, help included. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';

/** What a key accepts, read from the schema. */
interface Property {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly items?: { readonly type?: string; readonly enum?: readonly string[] };
}

/** The keys of a section in order, as JSON Schema describes them. */
export function properties(section: z.ZodObject): [string, Property][] {
  const schema = z.toJSONSchema(section, { io: 'input' }) as { properties?: Record<string, Property> };
  return Object.entries(schema.properties ?? {});
}

const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export const flagOf = (key: string): string => `--${kebab(key)}`;

/** Reads the number of a flag. */
export const toNumber = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError(`Expected a number but received ${text}.`);
  return value;
};

function optionFor(key: string, property: Property): Option {
  const shown = property.default === undefined ? '' : ` (default: ${JSON.stringify(property.default)})`;
  const help = `${property.description ?? ''}${shown}`;
  switch (property.type) {
    case 'boolean':
      return new Option(property.default === true ? `--no-${kebab(key)}` : flagOf(key), help);
    case 'integer':
    case 'number':
      return new Option(`${flagOf(key)} <number>`, help).argParser(toNumber);
    case 'array':
      return new Option(`${flagOf(key)} <value...>`, help);
    default: {
      const option = new Option(`${flagOf(key)} <${property.enum ? 'name' : 'text'}>`, help);
      return property.enum ? option.choices(property.enum) : option;
    }
  }
}

/** Keys that hold keys themselves stand in the file only. */
const flagProperties = (section: z.ZodObject): [string, Property][] =>
  properties(section).filter(([, { type, items }]) => type !== 'object' && items?.type !== 'object');

/** Adds one flag for each key of the section. */
export function addFlags(command: Command, section: z.ZodObject): Command {
  for (const [key, property] of flagProperties(section)) command.addOption(optionFor(key, property));
  return command;
}

/** The keys that were given on the command line, and only those. */
export function givenFlags(command: Command, section: z.ZodObject): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [key] of flagProperties(section)) {
    if (command.getOptionValueSource(key) === 'cli') given[key] = command.getOptionValue(key);
  }
  return given;
}
