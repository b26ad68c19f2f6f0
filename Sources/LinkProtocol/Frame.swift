/// One message between `pipemason` and `pipemason-link` (docs/formats/link.md, "Frames").
package struct Frame: Sendable, Equatable {
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// To the link, once and first: `LinkConfiguration`.
        case configure = 0x63  // c
        /// To the link: the bearer token of the requests that ask for it. Bytes, no JSON.
        case token = 0x74  // t
        /// To the link: `LinkRequest`, then its body.
        case request = 0x71  // q
        /// Back: `LinkResponse`, then its body.
        case response = 0x72  // r
        /// Either way: the next bytes of a body.
        case body = 0x62  // b
        /// Either way: the body is complete.
        case end = 0x65  // e
        /// Back: `LinkFailure`, in place of the rest of a response.
        case failure = 0x78  // x
    }

    package var kind: Kind
    /// Which request it belongs to; 0 for those that belong to none.
    package var id: UInt32
    package var payload: [UInt8]

    /// Kind, id and length.
    package static let headerSize = 9
    /// The longest payload in bytes. Longer bodies take several frames.
    package static let maximumPayload = 1 << 18

    package init(_ kind: Kind, id: UInt32 = 0, _ payload: [UInt8] = []) {
        self.kind = kind
        self.id = id
        self.payload = payload
    }

    /// The bytes on the wire. Traps above `maximumPayload`.
    package var encoded: [UInt8] {
        precondition(payload.count <= Self.maximumPayload)
        var result: [UInt8] = [kind.rawValue]
        result.reserveCapacity(Self.headerSize + payload.count)
        for number in [id, UInt32(payload.count)] {
            for shift in [24, 16, 8, 0] as [UInt32] { result.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        return result + payload
    }
}

/// Takes frames out of a byte stream, however it is cut. Memory: one frame and what was written at once.
package struct FrameReader: Sendable {
    private var buffer: [UInt8] = []
    /// The first byte of `buffer` that has not been taken.
    private var start = 0

    package init() {}

    /// Adds bytes that arrived.
    package mutating func write(_ bytes: some Collection<UInt8>) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// Whether a frame has begun and not ended.
    package var isInside: Bool { start < buffer.count }

    /// Returns the next frame, nil when its end has not arrived.
    ///
    /// - Throws: `LinkError` for an unknown kind, or a length above `Frame.maximumPayload`.
    package mutating func next() throws(LinkError) -> Frame? {
        guard buffer.count - start >= Frame.headerSize else { return nil }
        guard let kind = Frame.Kind(rawValue: buffer[start]) else { throw LinkError("an unknown kind of frame") }
        let length = Int(number(at: start + 5))
        guard length <= Frame.maximumPayload else { throw LinkError("a frame that is too long") }
        let end = start + Frame.headerSize + length
        guard buffer.count >= end else { return nil }
        let frame = Frame(kind, id: number(at: start + 1), Array(buffer[start + Frame.headerSize..<end]))
        start = end
        return frame
    }

    private func number(at index: Int) -> UInt32 {
        buffer[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// The other side does not keep to the protocol. Constant words only.
package struct LinkError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
