import type { OpFamily } from './definition.ts';
import { unary } from './elementwise.ts';

export const trigonometry: OpFamily<
  'Acos' | 'Acosh' | 'Asin' | 'Asinh' | 'Atan' | 'Atanh' | 'Cos' | 'Cosh' | 'Sin' | 'Sinh' | 'Tan' | 'Tanh'
> = {
  // y = arccos x: dx = −g/√(1 − x²)
  Acos: unary(Math.acos, ({ g, x, op }) =>
    op('Neg', [op('Div', [g, op('Sqrt', [op('Sub', [1, op('Mul', [x, x])])])])]),
  ),
  // y = arcosh x: dx = g/√(x² − 1)
  Acosh: unary(Math.acosh, ({ g, x, op }) => op('Div', [g, op('Sqrt', [op('Sub', [op('Mul', [x, x]), 1])])])),
  // y = arcsin x: dx = g/√(1 − x²)
  Asin: unary(Math.asin, ({ g, x, op }) => op('Div', [g, op('Sqrt', [op('Sub', [1, op('Mul', [x, x])])])])),
  // y = arsinh x: dx = g/√(x² + 1)
  Asinh: unary(Math.asinh, ({ g, x, op }) => op('Div', [g, op('Sqrt', [op('Add', [op('Mul', [x, x]), 1])])])),
  // y = arctan x: dx = g/(1 + x²)
  Atan: unary(Math.atan, ({ g, x, op }) => op('Div', [g, op('Add', [op('Mul', [x, x]), 1])])),
  // y = artanh x: dx = g/(1 − x²)
  Atanh: unary(Math.atanh, ({ g, x, op }) => op('Div', [g, op('Sub', [1, op('Mul', [x, x])])])),
  // y = cos x: dx = −g·sin x
  Cos: unary(Math.cos, ({ g, x, op }) => op('Neg', [op('Mul', [g, op('Sin', [x])])])),
  // y = cosh x: dx = g·sinh x
  Cosh: unary(Math.cosh, ({ g, x, op }) => op('Mul', [g, op('Sinh', [x])])),
  // y = sin x: dx = g·cos x
  Sin: unary(Math.sin, ({ g, x, op }) => op('Mul', [g, op('Cos', [x])])),
  // y = sinh x: dx = g·cosh x
  Sinh: unary(Math.sinh, ({ g, x, op }) => op('Mul', [g, op('Cosh', [x])])),
  // y = tan x: dx = g(1 + y²)
  Tan: unary(Math.tan, ({ g, output, op }) =>
    op('Mul', [g, op('Add', [op('Mul', [output(0), output(0)]), 1])]),
  ),
  // y = tanh x: dx = g(1 − y²)
  Tanh: unary(Math.tanh, ({ g, output, op }) =>
    op('Mul', [g, op('Sub', [1, op('Mul', [output(0), output(0)])])]),
  ),
};
