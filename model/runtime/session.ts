/**
 * A graph in a TensorFlow session of our own: on devices of the caller's choice, and in a cluster with other processes, for which tfjs' addon
 * has no words. It is TensorFlow's C API (tensorflow/c/c_api.h) through koffi, in the library that tfjs' addon has loaded. A run takes
 * a thread of libuv, so that this one goes on hearing the network and signals.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expected, UserError } from '../../dataset/user-error.ts';
import { elementCount, type FedArray, type ShapedArray } from './array.ts';
import { dataType, type GraphBody, type Output } from './graph-node.ts';
import type { RunningGraph } from './running-graph.ts';
import { encodeConfig, encodeGraph, encodeServer, type SessionConfig } from './saved-model.ts';

/** An address in the library's memory. */
type Pointer = bigint;

type Given = Pointer | number | string | ArrayBufferView | null;
type Call = (...given: readonly Given[]) => Pointer;
type LaterCall = (...given: readonly (Given | ((error: Error | null) => void))[]) => void;

/** What is used of koffi, which may not be installed. */
interface Koffi {
  readonly load: (path: string) => {
    readonly func: (
      name: string,
      result: string,
      parameters: readonly string[],
    ) => Call & { readonly async: LaterCall };
  };
}

/** The functions that are used of the C API, with their results and arguments. */
const signatures = {
  TF_NewStatus: ['void *'],
  TF_DeleteStatus: ['void', 'void *'],
  TF_GetCode: ['int', 'void *'],
  TF_Message: ['str', 'void *'],
  TF_NewGraph: ['void *'],
  TF_DeleteGraph: ['void', 'void *'],
  TF_NewBufferFromString: ['void *', 'void *', 'size_t'],
  TF_DeleteBuffer: ['void', 'void *'],
  TF_NewImportGraphDefOptions: ['void *'],
  TF_DeleteImportGraphDefOptions: ['void', 'void *'],
  TF_GraphImportGraphDef: ['void', 'void *', 'void *', 'void *', 'void *'],
  TF_GraphOperationByName: ['void *', 'void *', 'str'],
  TF_NewSessionOptions: ['void *'],
  TF_DeleteSessionOptions: ['void', 'void *'],
  TF_SetConfig: ['void', 'void *', 'void *', 'size_t', 'void *'],
  TF_SetTarget: ['void', 'void *', 'str'],
  TF_NewSession: ['void *', 'void *', 'void *', 'void *'],
  TF_CloseSession: ['void', 'void *', 'void *'],
  TF_DeleteSession: ['void', 'void *', 'void *'],
  TF_SessionListDevices: ['void *', 'void *', 'void *'],
  TF_DeviceListCount: ['int', 'void *'],
  TF_DeviceListName: ['str', 'void *', 'int', 'void *'],
  TF_DeleteDeviceList: ['void', 'void *'],
  TF_NewServer: ['void *', 'void *', 'size_t', 'void *'],
  TF_ServerStart: ['void', 'void *', 'void *'],
  TF_ServerTarget: ['str', 'void *'],
  TF_AllocateTensor: ['void *', 'int', 'void *', 'int', 'size_t'],
  TF_DeleteTensor: ['void', 'void *'],
  TF_TensorData: ['void *', 'void *'],
  TF_TensorByteSize: ['size_t', 'void *'],
  TF_TensorType: ['int', 'void *'],
  TF_NumDims: ['int', 'void *'],
  TF_Dim: ['int64_t', 'void *', 'int'],
  // session, options, inputs, values, count, outputs, results, count, targets, count, metadata, status
  TF_SessionRun: ['void', 'void *', 'void *', 'void *', 'void *', 'int', 'void *', 'void *', 'int', 'void *', 'int', 'void *', 'void *'], // biome-ignore format: one line
  // Of C's own library, on which TensorFlow's stands.
  memcpy: ['void *', 'void *', 'void *', 'size_t'],
  _exit: ['void', 'int'],
} as const satisfies Readonly<Record<string, readonly [string, ...string[]]>>;

type Library = Readonly<Record<keyof typeof signatures, Call & { readonly async: LaterCall }>>;

let opened: Library | undefined;

/** Throws a UserError where koffi or the library is missing. */
function library(): Library {
  opened ??= open();
  return opened;
}

/** Throws a UserError where koffi or the library is missing. */
export const requireLibrary = (): void => void library();

/** Whether sessions can be had here. */
export function hasSessions(): boolean {
  try {
    requireLibrary();
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

function open(): Library {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json')), 'deps/lib');
  const path = ['libtensorflow.so', 'libtensorflow.2.dylib'].map((name) => join(folder, name)).find(existsSync);
  let koffi: Koffi;
  try {
    koffi = require('koffi') as Koffi;
  } catch (cause) {
    throw new UserError('Expected the package koffi for several devices or ranks but it is not installed; run npm install koffi.', { cause }); // biome-ignore format: one line
  }
  if (path === undefined)
    throw new UserError(`Expected TensorFlow's library in ${folder} but there is none; run npx lait setup.`);
  const tensorflow = koffi.load(path);
  const functions = Object.entries(signatures).map(([name, [result, ...parameters]]) => [
    name,
    tensorflow.func(name, result, parameters),
  ]);
  return Object.fromEntries(functions) as Library;
}

/** Calls a function whose last argument is a status; throws what TensorFlow says of it. */
function checked(name: keyof typeof signatures, ...given: readonly Given[]): Pointer {
  const { [name]: call, TF_NewStatus, TF_DeleteStatus } = library();
  const status = TF_NewStatus();
  try {
    const result = call(...given, status);
    check(name, status);
    return result;
  } finally {
    TF_DeleteStatus(status);
  }
}

function check(name: string, status: Pointer): void {
  const { TF_GetCode, TF_Message } = library();
  if (Number(TF_GetCode(status)) !== 0)
    throw new Error(`${name} of TensorFlow: ${TF_Message(status) as unknown as string}`);
}

/** Starts TensorFlow's server as one task of a cluster and gives its address for sessions. It lives as long as the process: there is no stop. */
export function startServer(addresses: readonly string[], config: SessionConfig): string {
  const definition = encodeServer(addresses, config);
  const server = checked('TF_NewServer', definition, definition.length);
  checked('TF_ServerStart', server);
  return library().TF_ServerTarget(server) as unknown as string;
}

/**
 * Ends the process in a moment, when it has said what it has to say, with the exit code that it has by then. Where TensorFlow's server was started
 * the process would not end by itself if a step waits for a process that has gone, and the library's own end would wait for that step.
 */
export function endSoon(): void {
  setTimeout(() => library()._exit(typeof process.exitCode === 'number' ? process.exitCode : 0), 300);
}

/** The numbers that are fed or fetched by one element's type. */
const [uint8, float32, int32] = [dataType.uint8, dataType.float32, dataType.int32];

/** Where a session is, and with what settings. */
export interface SessionSettings extends SessionConfig {
  /** The address of the server that it belongs to (`startServer`); absent for a session of this process alone. */
  readonly target?: string;
}

/** A graph in a session. */
export class Session implements RunningGraph {
  /** Hears of each graph that is started: for those who look at where things lie. */
  static onStart: ((body: GraphBody) => void) | undefined;

  readonly #graph: Pointer;
  readonly #session: Pointer;
  /** TF_Output of each name that was asked for. */
  readonly #places = new Map<Output, readonly [Pointer, bigint]>();
  #running = 0;

  constructor(body: GraphBody, { target, ...config }: SessionSettings) {
    Session.onStart?.(body);
    const tensorflow = library();
    this.#graph = tensorflow.TF_NewGraph();
    const bytes = encodeGraph(body);
    const buffer = tensorflow.TF_NewBufferFromString(bytes, bytes.length);
    const importing = tensorflow.TF_NewImportGraphDefOptions();
    const options = tensorflow.TF_NewSessionOptions();
    try {
      checked('TF_GraphImportGraphDef', this.#graph, buffer, importing);
      const encoded = encodeConfig(config);
      checked('TF_SetConfig', options, encoded, encoded.length);
      if (target !== undefined) tensorflow.TF_SetTarget(options, target);
      this.#session = checked('TF_NewSession', this.#graph, options);
      try {
        checkDevices(body, this.devices());
      } catch (error) {
        checked('TF_CloseSession', this.#session);
        checked('TF_DeleteSession', this.#session);
        throw error;
      }
    } catch (error) {
      tensorflow.TF_DeleteGraph(this.#graph);
      throw error;
    } finally {
      tensorflow.TF_DeleteBuffer(buffer);
      tensorflow.TF_DeleteImportGraphDefOptions(importing);
      tensorflow.TF_DeleteSessionOptions(options);
    }
  }

  /** The names of the devices that the session sees. */
  devices(): string[] {
    const { TF_DeviceListCount, TF_DeleteDeviceList } = library();
    const list = checked('TF_SessionListDevices', this.#session);
    const names = Array.from(
      { length: Number(TF_DeviceListCount(list)) },
      (_, index) => checked('TF_DeviceListName', list, index) as unknown as string,
    );
    TF_DeleteDeviceList(list);
    return names;
  }

  run(inputs: Readonly<Record<Output, FedArray>>, outputs: readonly Output[]): ShapedArray[] {
    const call = this.#prepare(inputs, outputs);
    library().TF_SessionRun(...call.given);
    return call.finish();
  }

  runLater(inputs: Readonly<Record<Output, FedArray>>, outputs: readonly Output[]): Promise<ShapedArray[]> {
    const call = this.#prepare(inputs, outputs);
    return new Promise((resolve, reject) => {
      library().TF_SessionRun.async(...call.given, (error) => {
        try {
          const results = call.finish();
          if (error) throw error;
          resolve(results);
        } catch (fault) {
          reject(fault);
        }
      });
    });
  }

  /** Not while something runs, which TensorFlow would wait for: then the session is left to the end of the process. */
  dispose(): void {
    if (this.#running > 0) return;
    checked('TF_CloseSession', this.#session);
    checked('TF_DeleteSession', this.#session);
    library().TF_DeleteGraph(this.#graph);
  }

  #prepare(inputs: Readonly<Record<Output, FedArray>>, outputs: readonly Output[]) {
    const { TF_NewStatus, TF_DeleteStatus, TF_DeleteTensor } = library();
    const [sources, places] = [this.#outputs(Object.keys(inputs)), this.#outputs(outputs)];
    const fed = Object.values(inputs).map(tensorOf);
    const [values, results] = [BigUint64Array.from(fed), new BigUint64Array(outputs.length)];
    const status = TF_NewStatus();
    this.#running += 1;
    const given: Given[] = [
      ...[this.#session, null, sources, values, fed.length, places, results, outputs.length],
      ...[null, 0, null, status],
    ];
    const finish = (): ShapedArray[] => {
      this.#running -= 1;
      try {
        check('TF_SessionRun', status);
        return [...results].map(arrayOf);
      } finally {
        for (const tensor of [...fed, ...results]) if (tensor !== 0n) TF_DeleteTensor(tensor);
        TF_DeleteStatus(status);
      }
    };
    return { given, finish };
  }

  /** An array of TF_Output: an operation's address and a port, padded to 8 bytes. */
  #outputs(names: readonly Output[]): BigUint64Array {
    return BigUint64Array.from(
      names.flatMap((name) => {
        const known = this.#places.get(name);
        if (known) return known;
        const [operation = '', port = '0'] = name.split(':');
        const found = library().TF_GraphOperationByName(this.#graph, operation);
        if (!found) throw new Error(`The graph has no node ${operation}.`);
        const place = [found, BigInt(port)] as const;
        this.#places.set(name, place);
        return place;
      }),
    );
  }
}

/** TensorFlow would put what names a device that is not there on another one, and say nothing. */
function checkDevices({ nodes }: GraphBody, there: readonly string[]): void {
  for (const device of new Set(nodes.flatMap((node) => node.device ?? []))) {
    if (there.some((name) => name.endsWith(device))) continue;
    // …/device:GPU:1
    const kind = device.split(':').at(-2) ?? device;
    const count = there.filter((name) => name.includes(`device:${kind}:`)).length;
    throw expected(`${kind}s of this machine`, '--devices', `more than its ${count}`, 'ask for fewer');
  }
}

/** A tensor of TensorFlow's own memory with these numbers; halves as their bytes. */
function tensorOf({ shape, values }: FedArray): Pointer {
  const { TF_AllocateTensor, TF_TensorData, memcpy } = library();
  const halves = values instanceof Uint16Array;
  const type = halves ? uint8 : values instanceof Int32Array ? int32 : float32;
  const size = BigInt64Array.from([...shape, ...(halves ? [2] : [])], BigInt);
  const tensor = TF_AllocateTensor(type, size, size.length, values.byteLength);
  if (values.byteLength > 0) memcpy(TF_TensorData(tensor), values, values.byteLength);
  return tensor;
}

function arrayOf(tensor: Pointer): ShapedArray {
  const { TF_NumDims, TF_Dim, TF_TensorType, TF_TensorByteSize, TF_TensorData, memcpy } = library();
  const shape = Array.from({ length: Number(TF_NumDims(tensor)) }, (_, index) => Number(TF_Dim(tensor, index)));
  const values = new (Number(TF_TensorType(tensor)) === int32 ? Int32Array : Float32Array)(elementCount(shape));
  if (Number(TF_TensorByteSize(tensor)) !== values.byteLength)
    throw new Error(`Expected an output of float32 or int32 but received type ${TF_TensorType(tensor)}.`);
  if (values.byteLength > 0) memcpy(values, TF_TensorData(tensor), values.byteLength);
  return { shape, values };
}
