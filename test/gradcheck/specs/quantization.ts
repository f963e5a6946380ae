import { int } from '../../../src/graph/graph.ts';
import { bytes, indices32, known, numbers, real, type Spec, signedBytes, spec, within } from '../spec.ts';

const step = known(numbers([], [0.05]));
const steps = known(numbers([3], [0.05, 0.1, 0.02]));
const inBytes = bytes([2, 3], [0, 7, 130, 255, 128, 90]);
const inSignedBytes = signedBytes([2, 3], [-128, 7, 13, 127, 0, -90]);

/** Numbers rounded to 8 bits, and products of them. */
export const quantizationSpecs: readonly Spec[] = [
  spec('QuantizeLinear', 'without a zero point', [real(2, 3), step]),
  spec('QuantizeLinear', 'uint8, some saturated', [real(4, 5), step, known(bytes([], [128]))]),
  spec('QuantizeLinear', 'int8, halves', [
    numbers([6], [0.25, 0.75, -0.25, -0.75, 1.25, 90]),
    known(numbers([1], [0.5])),
    known(signedBytes([1], [3])),
  ]),
  spec('QuantizeLinear', 'the last axis', [real(2, 3), steps, known(signedBytes([3], [0, -5, 9]))], {
    axis: int(-1),
  }),
  spec('QuantizeLinear', 'axis 1 of three', [real(2, 3, 2), steps, known(bytes([3], [100, 128, 0]))]),
  spec('DequantizeLinear', 'uint8', [inBytes, step, known(bytes([], [128]))]),
  spec('DequantizeLinear', 'int8, no zero point', [inSignedBytes, step]),
  spec('DequantizeLinear', 'int32, as biases are', [indices32([3], [-100000, 7, 0]), step]),
  spec('DequantizeLinear', 'the first axis', [signedBytes([3, 1], [-4, 8, 1]), steps], { axis: int(0) }),
  spec('DequantizeLinear', 'the last axis', [inSignedBytes, steps, known(signedBytes([3], [0, 4, -7]))]),
  spec('DynamicQuantizeLinear', 'both signs', [real(4, 5)], {}, { outputs: ['y', 'scale', 'zero'] }),
  spec('DynamicQuantizeLinear', 'positive', [within(1, 2)(6)], {}, { outputs: ['y', 'scale', 'zero'] }),
  spec('MatMulInteger', 'no zero points', [inBytes, signedBytes([3, 2], [1, -2, 3, 4, -5, 127])]),
  spec('MatMulInteger', 'zero points', [
    inBytes,
    signedBytes([3, 2], [1, -2, 3, 4, -5, 127]),
    known(bytes([], [128])),
    known(signedBytes([], [3])),
  ]),
  spec('MatMulInteger', 'a zero point for each column, a stack', [
    bytes([2, 1, 3], [0, 7, 130, 255, 128, 90]),
    bytes([3, 2], [1, 2, 3, 4, 5, 127]),
    known(bytes([1], [9])),
    known(bytes([2], [3, 60])),
  ]),
];

const inColumns = known(bytes([3, 2], [1, 2, 3, 4, 5, 127]));
const weights = known(signedBytes([5, 2], [1, -2, 3, 4, -5, 127, 80, -60, 0, 33]));

/** The forms of them in onnxruntime's own domain. */
export const fusedQuantizationSpecs: readonly Spec[] = [
  spec('com.microsoft.DynamicQuantizeMatMul', 'plain', [real(3, 5), weights, step]),
  spec('com.microsoft.DynamicQuantizeMatMul', 'scales by column, a bias', [
    real(2, 3, 5),
    weights,
    known(numbers([2], [0.05, 0.02])),
    known(signedBytes([2], [3, -4])),
    real(2),
  ]),
  spec('com.microsoft.MatMulIntegerToFloat', 'zero points and a bias', [
    inBytes,
    known(signedBytes([3, 2], [1, -2, 3, 4, -5, 127])),
    step,
    known(numbers([2], [0.05, 0.02])),
    known(bytes([], [128])),
    known(signedBytes([2], [3, -4])),
    real(2),
  ]),
  spec('com.microsoft.MatMulIntegerToFloat', 'plain', [inBytes, inColumns, step, step]),
];
