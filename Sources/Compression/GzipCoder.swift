internal import Gzip

final class GzipDecoder: Coder {
    private let inflater: GzipInflater
    var isBetweenMembers: Bool { inflater.isBetweenMembers }

    init() throws(CompressionError) {
        guard let inflater = GzipInflater() else { throw .outOfMemory }
        self.inflater = inflater
    }

    func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int {
        do throws(GzipError) {
            return try inflater.step(&input, output)
        } catch {
            throw CompressionError(error)
        }
    }
}

final class GzipEncoder: Coder {
    private let deflater: GzipDeflater
    var isBetweenMembers: Bool { deflater.isFinished }

    init() throws(CompressionError) {
        guard let deflater = GzipDeflater(level: 6) else { throw .outOfMemory }
        self.deflater = deflater
    }

    func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int {
        deflater.step(&input, output, isLast: isLast)
    }
}

extension CompressionError {
    fileprivate init(_ error: GzipError) {
        switch error {
        case .malformed: self = .damaged
        case .trailing: self = .trailing
        case .truncated: self = .truncated
        case .tooLarge: self = .needsMemory
        case .outOfMemory: self = .outOfMemory
        }
    }
}
