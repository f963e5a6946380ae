import type { ContribType } from '../../onnx/contrib.ts';
import type { ExpandRule } from '../definition.ts';

/** What takes the place of some of onnxruntime's own operators: one file for each family. */
export type ContribFamily<T extends ContribType> = Readonly<Record<T, ExpandRule>>;
