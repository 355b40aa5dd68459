/** What the numbers of EXIF's enumerated tags mean (Exif 2.32), in the words that exifread, and so img2dataset's `exif` column, has. */

/** Words for 0, 1, 2, … or from another number on. */
const from = (first: number, words: readonly string[]): Readonly<Record<number, string>> =>
  Object.fromEntries(words.map((word, at) => [first + at, word]));

const strength = from(0, ['Normal', 'Soft', 'Hard']);

/** By tag, then by value. */
export const exifValueNames: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  Orientation: from(1, [
    'Horizontal (normal)',
    'Mirrored horizontal',
    'Rotated 180',
    'Mirrored vertical',
    'Mirrored horizontal then rotated 90 CCW',
    'Rotated 90 CW',
    'Mirrored horizontal then rotated 90 CW',
    'Rotated 90 CCW',
  ]),
  ResolutionUnit: from(1, ['Not Absolute', 'Pixels/Inch', 'Pixels/Centimeter']),
  YCbCrPositioning: from(1, ['Centered', 'Co-sited']),
  ExposureProgram: from(0, [
    'Unidentified',
    'Manual',
    'Program Normal',
    'Aperture Priority',
    'Shutter Priority',
    'Program Creative',
    'Program Action',
    'Portrait Mode',
    'Landscape Mode',
  ]),
  ComponentsConfiguration: from(0, ['', 'Y', 'Cb', 'Cr', 'Red', 'Green', 'Blue']),
  MeteringMode: {
    ...from(0, ['Unidentified', 'Average', 'CenterWeightedAverage', 'Spot', 'MultiSpot', 'Pattern', 'Partial']),
    255: 'other',
  },
  LightSource: {
    ...from(0, ['Unknown', 'Daylight', 'Fluorescent', 'Tungsten (incandescent light)', 'Flash']),
    ...from(9, ['Fine weather', 'Cloudy weather', 'Shade']),
  },
  Flash: {
    ...from(0, ['Flash did not fire', 'Flash fired']),
    5: 'Strobe return light not detected',
    7: 'Strobe return light detected',
    9: 'Flash fired, compulsory flash mode',
    16: 'Flash did not fire, compulsory flash mode',
    24: 'Flash did not fire, auto mode',
    25: 'Flash fired, auto mode',
  },
  ColorSpace: { 1: 'sRGB', 2: 'Adobe RGB', 65535: 'Uncalibrated' },
  SensingMethod: from(1, [
    'Not defined',
    'One-chip color area',
    'Two-chip color area',
    'Three-chip color area',
    'Color sequential area',
  ]),
  FileSource: from(1, ['Film Scanner', 'Reflection Print Scanner', 'Digital Camera']),
  SceneType: from(1, ['Directly Photographed']),
  CustomRendered: from(0, ['Normal', 'Custom']),
  ExposureMode: from(0, ['Auto Exposure', 'Manual Exposure', 'Auto Bracket']),
  WhiteBalance: from(0, ['Auto', 'Manual']),
  SceneCaptureType: from(0, ['Standard', 'Landscape', 'Portrait', 'Night']),
  GainControl: from(0, ['None', 'Low gain up', 'High gain up', 'Low gain down', 'High gain down']),
  Contrast: strength,
  Saturation: strength,
  Sharpness: strength,
};
