import type { Attributes, Node } from '../graph/graph.ts';
import type { DType, Shape, Tensor, TensorType } from '../tensor.ts';

/** A value of the graph under construction: its name and its type. */
export interface Value extends TensorType {
  readonly name: string;
}

/** What an emitted node may read: a value, or a number that becomes a scalar of the other operands' type. */
export type Operand = Value | number;

/** Adds one single-output node to the graph under construction and returns its output. */
export type Emit = (
  opType: OpType,
  inputs: readonly (Operand | undefined)[],
  attributes?: Attributes,
) => Value;

/** What a shape rule sees of its node. */
export interface InferContext {
  readonly node: Node;
  /** The type of each input; undefined for an optional input that is left out. */
  readonly inputs: readonly (TensorType | undefined)[];
  /** The value of each input that is known at compile time. */
  readonly constants: readonly (Tensor | undefined)[];
}

/** The part of it that a reference kernel sees as well. */
export type TypeContext = Pick<InferContext, 'node' | 'inputs'>;

/** Numbers of any element type, as doubles: what the reference evaluator computes with. */
export interface NumericArray {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: Float64Array;
}

export interface EvaluateContext {
  readonly node: Node;
  readonly inputs: readonly (NumericArray | undefined)[];
}

/** What writes nodes of the graph under construction. */
export interface Writer {
  /** Emits a node with one output. */
  readonly op: Emit;
  /** The output of a tensor that is known now. */
  readonly constant: (tensor: Tensor) => Value;
  /** A value in another shape; itself where it has that shape. */
  readonly reshape: (value: Value, shape: Shape) => Value;
  /** The tensor behind a value that is known now. */
  readonly known: (value: Value) => Tensor | undefined;
}

/** What an expansion sees of its node. */
export interface ExpandContext extends Writer {
  readonly node: Node;
  /** Input `i`, which must be present. */
  readonly input: (i: number) => Value;
  /** Input `i`, or undefined where it is left out. */
  readonly optional: (i: number) => Value | undefined;
  /** Emits a node with several outputs. */
  readonly ops: (
    opType: OpType,
    inputs: readonly (Operand | undefined)[],
    attributes: Attributes,
    count: number,
  ) => readonly Value[];
  /** Zeros, made when the graph runs so that the model file stays small. */
  readonly zeros: (shape: Shape, dtype: DType) => Value;
}

/** The outputs of a node, made by simpler nodes; undefined where the node is to stay as it is. */
export type ExpandRule = (context: ExpandContext) => readonly Value[] | undefined;

/** What a gradient rule sees of its node. */
export interface GradientContext extends Writer {
  readonly node: Node;
  /** Which input the gradient is wanted of. */
  readonly index: number;
  /** That input. */
  readonly x: Value;
  /** The cotangent of the first output: dL/dy, of y's shape. */
  readonly g: Value;
  /** Input `i`, which must be present. */
  readonly input: (i: number) => Value;
  /** Output `i` of the forward node; asking for an optional output makes the node compute it. */
  readonly output: (i: number) => Value;
  /** Where a value is NaN, if the forward graph asks: it then means to replace it. */
  readonly nanOf: (value: Value) => Value | undefined;
  /** The cotangent of output `i`, or undefined where the loss does not depend on it. */
  readonly cotangent: (i: number) => Value | undefined;
  /** Zeros of x's element type, of float32 where that is an integer, made when the graph runs so that the model file stays small. */
  readonly zeros: (shape: Shape) => Value;
}

/**
 * The vector–Jacobian product with respect to one input: dL/dx from dL/dy.
 *
 * It may return the shape that broadcasting gave to the input: `differentiate` sums it back.
 */
export type GradientRule = (context: GradientContext) => Value;

/** How the gradient of one input comes about; `expand`: by differentiating the node's expansion. */
export type Gradient = GradientRule | 'expand' | null;

/**
 * One operator: its shape rule, its reference kernel and, input by input, its gradient; `null` says that the
 * operator is not differentiable in that input. The last entry of `gradients` serves all further inputs.
 */
export interface OpDefinition {
  /** Types of the outputs, optional ones included. */
  readonly infer: (context: InferContext) => readonly TensorType[];
  /** Values of the outputs in double precision, optional ones included. */
  readonly evaluate: (context: EvaluateContext) => readonly NumericArray[];
  readonly gradients: readonly [Gradient, ...Gradient[]];
  /** It rounds: its gradient is that of the line through its steps, and its integers stand for real numbers. */
  readonly straightThrough?: true;
  /** Takes the node's place where a gradient goes through it. */
  readonly expand?: ExpandRule;
}

/** The operators of the table, by ONNX name. */
export const opTypes = [
  'Abs',
  'Acos',
  'Acosh',
  'Add',
  'AffineGrid',
  'And',
  'ArgMax',
  'ArgMin',
  'Asin',
  'Asinh',
  'Atan',
  'Atanh',
  'AveragePool',
  'BatchNormalization',
  'BitShift',
  'BitwiseAnd',
  'BitwiseNot',
  'BitwiseOr',
  'BitwiseXor',
  'Cast',
  'Ceil',
  'Celu',
  'CenterCropPad',
  'Clip',
  'Col2Im',
  'Compress',
  'Concat',
  'Constant',
  'ConstantOfShape',
  'Conv',
  'ConvTranspose',
  'Cos',
  'Cosh',
  'CumSum',
  'DepthToSpace',
  'DequantizeLinear',
  'Det',
  'Div',
  'Dropout',
  'DynamicQuantizeLinear',
  'Einsum',
  'Elu',
  'Equal',
  'Erf',
  'Exp',
  'Expand',
  'EyeLike',
  'Flatten',
  'Floor',
  'GRU',
  'Gather',
  'GatherElements',
  'GatherND',
  'Gelu',
  'Gemm',
  'GlobalAveragePool',
  'GlobalLpPool',
  'GlobalMaxPool',
  'Greater',
  'GreaterOrEqual',
  'GridSample',
  'HardSigmoid',
  'HardSwish',
  'Hardmax',
  'Identity',
  'InstanceNormalization',
  'IsInf',
  'IsNaN',
  'LRN',
  'LSTM',
  'LayerNormalization',
  'LeakyRelu',
  'Less',
  'LessOrEqual',
  'Log',
  'LogSoftmax',
  'LpNormalization',
  'LpPool',
  'MatMul',
  'MatMulInteger',
  'Max',
  'MaxPool',
  'MaxUnpool',
  'Mean',
  'MeanVarianceNormalization',
  'Min',
  'Mish',
  'Mod',
  'Mul',
  'Neg',
  'NonZero',
  'Not',
  'OneHot',
  'Or',
  'PRelu',
  'Pad',
  'Pow',
  'QuantizeLinear',
  'RNN',
  'Range',
  'Reciprocal',
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceProd',
  'ReduceSum',
  'ReduceSumSquare',
  'Relu',
  'Reshape',
  'Resize',
  'ReverseSequence',
  'Round',
  'ScatterElements',
  'ScatterND',
  'Selu',
  'Shape',
  'Shrink',
  'Sigmoid',
  'Sign',
  'Sin',
  'Sinh',
  'Size',
  'Slice',
  'Softmax',
  'Softplus',
  'Softsign',
  'SpaceToDepth',
  'Split',
  'Sqrt',
  'Squeeze',
  'Sub',
  'Sum',
  'Tan',
  'Tanh',
  'ThresholdedRelu',
  'Tile',
  'TopK',
  'Transpose',
  'Trilu',
  'Unique',
  'Unsqueeze',
  'Where',
  'Xor',
] as const;

export type OpType = (typeof opTypes)[number];

/** A part of the table, by family: one file each. */
export type OpFamily<T extends OpType> = Readonly<Record<T, OpDefinition>>;
