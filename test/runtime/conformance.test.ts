import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { referenceBackend } from '../../src/runtime/reference.ts';
import { describeBackend } from './conformance.ts';

describeBackend(referenceBackend);
describeBackend(onnxRuntime());
