internal import CLibFuzzer
internal import FuzzTargets
internal import Glibc
internal import RedactionFuzz

/// libFuzzer's hooks. The variable PIPEMASON_FUZZ_TARGET names the entry point; without it, the program lists them, each with
/// its weight.
private let target: FuzzTarget = {
    let name = getenv("PIPEMASON_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTargets.named(name) else {
        for target in FuzzTargets.all { print(target.name, target.weight) }
        exit(name.isEmpty ? 0 : 2)
    }
    return target
}()

@_cdecl("LLVMFuzzerInitialize")
public func fuzzInitialize(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> CInt {
    _ = target
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer owns the bytes and keeps them for the duration of the call; there may be none of them.
    guard let start else {
        target.run([UInt8]().span)
        return 0
    }
    target.run(Span<UInt8>(_unsafeStart: start, count: count))
    return 0
}

/// Half of all mutations are libFuzzer's own, so that what it has learned from comparisons is used too.
@_cdecl("LLVMFuzzerCustomMutator")
public func fuzzMutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ limit: Int, _ seed: CUnsignedInt) -> Int {
    var random = SplitMix(seed: UInt64(seed))
    guard let mutation = target.mutation, random.chance() else { return LLVMFuzzerMutate(data, size, limit) }
    var bytes = Array(UnsafeBufferPointer(start: data, count: size))
    mutation(&bytes, &random)
    let count = min(bytes.count, limit)
    // `data` has room for `limit` bytes.
    for index in 0..<count { data[index] = bytes[index] }
    return count
}
