extension Array where Element == UInt8 {
    /// Makes an array of at most `capacity` bytes that `body` appends.
    public init<Failure: Error>(
        appending capacity: Int, _ body: (inout OutputSpan<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        var failure: Failure? = nil
        self = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            var output = OutputSpan(buffer: buffer, initializedCount: 0)
            do throws(Failure) { try body(&output) } catch { failure = error }
            count = output.finalize(for: buffer)
        }
        if let failure { throw failure }
    }
}
