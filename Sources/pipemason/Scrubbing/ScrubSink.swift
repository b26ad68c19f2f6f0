internal import CommandSupport
internal import RedactionKit

/// Where the engine delivers to: the writer, if the bytes are wanted, and the recorder, if the findings are.
struct ScrubSink: RedactionSink {
    /// nil: the bytes are not wanted.
    let output: ByteWriter?
    /// nil: the findings are counted in `findings` only.
    let recorder: FindingRecorder?
    private(set) var findings = 0

    init(output: ByteWriter?, recorder: FindingRecorder?) {
        self.output = output
        self.recorder = recorder
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        output?.write(bytes)
    }

    mutating func redacted(_ finding: Finding) {
        findings += 1
        recorder?.record(finding)
    }
}
