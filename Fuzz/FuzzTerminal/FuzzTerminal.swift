import TerminalText

/// libFuzzer's entry: any bytes as terminal output.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer owns the bytes and keeps them for the duration of the call.
    fuzzTerminalText(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
