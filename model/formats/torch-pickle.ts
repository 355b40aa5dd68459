/**
 * The pickles of a PyTorch state dict. A pickle can call any Python function; this reader knows only the calls that a state dict of
 * tensors makes and refuses all others.
 */

/** What GLOBAL may name. */
type Callable = 'OrderedDict' | '_rebuild_tensor_v2' | { readonly storage: StorageType };

const mark = Symbol('mark');

/** A view of a storage: converted networks keep the order of axes of where they came from. */
export class TorchTensor {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** Numbers that lie behind the pickles. */
class Storage {
  readonly count: number;
  readonly width: number;
  readonly isFloat: boolean;

  constructor(type: StorageType, count: number) {
    this.count = count;
    this.width = storageWidths[type];
    this.isFloat = type === 'FloatStorage';
  }
}

const storageWidths = { FloatStorage: 4, DoubleStorage: 8, HalfStorage: 2, LongStorage: 8, IntStorage: 4 } as const;

type StorageType = keyof typeof storageWidths;

/** Pickle protocol 2 (PEP 307, Lib/pickletools.py), as far as state dicts use it. */
export class Unpickler {
  readonly storages = new Map<string, Storage>();
  readonly #file: Buffer;
  readonly #fault: (what: string) => Error;
  #at = 0;

  constructor(file: Buffer, fault: (what: string) => Error) {
    this.#file = file;
    this.#fault = fault;
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#file.length) throw this.#fault('it ends early');
    this.#at += length;
    return this.#file.subarray(this.#at - length, this.#at);
  }

  /** The next pickle's value. */
  load(): unknown {
    const stack: unknown[] = [];
    const memo = new Map<number, unknown>();
    const pop = () => {
      if (stack.length === 0) throw this.#fault('its pickle is broken');
      return stack.pop();
    };
    const popToMark = () => {
      const start = stack.lastIndexOf(mark);
      if (start < 0) throw this.#fault('its pickle is broken');
      const values = stack.splice(start);
      return values.slice(1);
    };
    const recall = (index: number) => {
      if (!memo.has(index)) throw this.#fault('its pickle is broken');
      stack.push(memo.get(index));
    };
    const setItems = (target: unknown, items: readonly unknown[]) => {
      if (!(target instanceof Map) || items.length % 2 === 1) throw this.#fault('its pickle is broken');
      for (let index = 0; index < items.length; index += 2) target.set(items[index], items[index + 1]);
    };
    for (;;) {
      const code = this.take(1).toString('latin1');
      switch (code) {
        case '\x80': // PROTO
          this.take(1);
          break;
        case '.': // STOP
          return pop();
        case '(': // MARK
          stack.push(mark);
          break;
        case 'K': // BININT1
          stack.push(this.take(1).readUInt8());
          break;
        case 'M': // BININT2
          stack.push(this.take(2).readUInt16LE());
          break;
        case 'J': // BININT
          stack.push(this.take(4).readInt32LE());
          break;
        case '\x8a': {
          // LONG1
          const bytes = this.take(this.take(1).readUInt8());
          stack.push(BigInt(`0x0${Buffer.from(bytes).reverse().toString('hex')}`));
          break;
        }
        case 'X': // BINUNICODE
          stack.push(this.take(this.take(4).readUInt32LE()).toString('utf8'));
          break;
        case 'N': // NONE
          stack.push(null);
          break;
        case '\x88': // NEWTRUE
        case '\x89': // NEWFALSE
          stack.push(code === '\x88');
          break;
        case '}': // EMPTY_DICT
          stack.push(new Map());
          break;
        case ']': // EMPTY_LIST
        case ')': // EMPTY_TUPLE
          stack.push([]);
          break;
        case 't': // TUPLE
          stack.push(popToMark());
          break;
        case '\x85': // TUPLE1
          stack.push([pop()]);
          break;
        case '\x86': {
          // TUPLE2
          const second = pop();
          stack.push([pop(), second]);
          break;
        }
        case 'e': // APPENDS
        case 'u': {
          // SETITEMS
          const items = popToMark();
          const target = stack.at(-1);
          if (code === 'u') setItems(target, items);
          else if (Array.isArray(target)) target.push(...items);
          else throw this.#fault('its pickle is broken');
          break;
        }
        case 's': {
          // SETITEM
          const value = pop();
          const key = pop();
          setItems(stack.at(-1), [key, value]);
          break;
        }
        case 'q': // BINPUT
          memo.set(this.take(1).readUInt8(), stack.at(-1));
          break;
        case 'r': // LONG_BINPUT
          memo.set(this.take(4).readUInt32LE(), stack.at(-1));
          break;
        case 'h': // BINGET
          recall(this.take(1).readUInt8());
          break;
        case 'j': // LONG_BINGET
          recall(this.take(4).readUInt32LE());
          break;
        case 'c': // GLOBAL
          stack.push(this.#callable(`${this.#line()}.${this.#line()}`));
          break;
        case 'R': {
          // REDUCE
          const given = pop();
          stack.push(this.#call(pop(), given));
          break;
        }
        case 'b': // BUILD: an OrderedDict's attributes, of which `_metadata` says nothing about tensors
          pop();
          break;
        case 'Q': // BINPERSID
          stack.push(this.#storage(pop()));
          break;
        default:
          throw this.#fault(`its pickle has the instruction 0x${Buffer.from(code, 'latin1').toString('hex')}`);
      }
    }
  }

  #line(): string {
    const end = this.#file.indexOf(0x0a, this.#at);
    if (end < 0) throw this.#fault('it ends early');
    return this.take(end + 1 - this.#at)
      .toString('utf8')
      .trimEnd();
  }

  #callable(name: string): Callable {
    if (name === 'collections.OrderedDict') return 'OrderedDict';
    if (name === 'torch._utils._rebuild_tensor_v2') return '_rebuild_tensor_v2';
    const type = name.replace(/^torch\./, '');
    if (name.startsWith('torch.') && Object.hasOwn(storageWidths, type)) return { storage: type as StorageType };
    throw this.#fault(`it calls ${name}`);
  }

  #call(what: unknown, given: unknown): unknown {
    if (what === 'OrderedDict') return new Map();
    if (what === '_rebuild_tensor_v2' && Array.isArray(given)) {
      const [storage, offset, shape, strides] = given as unknown[];
      const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
      const sizes = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);
      if (
        storage instanceof Storage &&
        isCount(offset) &&
        sizes(shape) &&
        sizes(strides) &&
        shape.length === strides.length
      ) {
        return new TorchTensor(storage, offset, shape, strides);
      }
    }
    throw this.#fault('its pickle is broken');
  }

  /** ('storage', type, key, location, count, view) */
  #storage(id: unknown): Storage {
    const [kind, type, key, , count, view] = Array.isArray(id) ? id : [];
    const known = type as Callable;
    if (kind !== 'storage' || typeof known !== 'object' || !Number.isSafeInteger(count) || count < 0 || view !== null) {
      throw this.#fault('its pickle is broken');
    }
    const storage = this.storages.get(String(key)) ?? new Storage(known.storage, count);
    this.storages.set(String(key), storage);
    return storage;
  }
}
