import RunFuzz

/// libFuzzer's entry: the first byte chooses the parser, the rest is its input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 0 else { return 0 }
    // libFuzzer owns the bytes and keeps them for the duration of the call.
    let input = Span<UInt8>(_unsafeStart: start, count: count)
    let targets = RunFuzz.all
    targets[Int(input[0]) % targets.count].run(input.extracting(1...))
    return 0
}
