/**
 * onnxruntime's builds for Linux and macOS report use to their makers unless this variable is set before they
 * load; what is trained here is nobody else's business. A value that the user has set stays.
 */
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
