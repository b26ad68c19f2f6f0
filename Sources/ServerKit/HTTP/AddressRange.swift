internal import Glibc

/// A network of IP addresses, such as `10.0.0.0/8` or `::1`.
package struct AddressRange: Sendable, Hashable {
    private let prefix: [UInt8]
    private let bits: Int

    /// Reads an address, or an address and the number of bits that count.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let bytes = Self.bytes(String(parts[0])) else { return nil }
        var bits = bytes.count * 8
        if parts.count == 2 {
            guard let number = Int(parts[1]), (0...bits).contains(number) else { return nil }
            bits = number
        }
        prefix = bytes
        self.bits = bits
    }

    package func contains(_ address: String) -> Bool {
        guard let bytes = Self.bytes(address), bytes.count == prefix.count else { return false }
        let whole = bits / 8
        guard bytes[..<whole].elementsEqual(prefix[..<whole]) else { return false }
        let mask = UInt8(truncatingIfNeeded: 0xff00 >> (bits % 8))
        return bits % 8 == 0 || bytes[whole] & mask == prefix[whole] & mask
    }

    /// The 4 or 16 bytes of an address. An IPv4 address in IPv6 (`::ffff:…`) counts as IPv4.
    private static func bytes(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: &six) { Array($0) }
        let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
        return bytes.starts(with: mapped) ? Array(bytes[12...]) : bytes
    }

    /// What a sender's attempts are counted by: the address, or of IPv6 the network of 64 bits that one sender usually has.
    package static func sender(_ address: String?) -> String {
        guard let address, let bytes = bytes(address), bytes.count == 16 else { return address ?? "-" }
        return bytes[..<8].map { String($0, radix: 16) }.joined(separator: ".")
    }

    /// The address of the client: the peer's, or behind trusted proxies the last one in `X-Forwarded-For` that is not a trusted
    /// proxy's. Whatever a client wrote into the header itself stands further left and is not looked at.
    package static func client(peer: String?, forwarded: String?, trusted: [AddressRange]) -> String? {
        guard var address = peer else { return nil }
        var hops = forwarded?.split(separator: ",").map { $0.trimmingSpaces() } ?? []
        while trusted.contains(where: { $0.contains(address) }), let hop = hops.popLast() {
            guard bytes(hop) != nil else { break }
            address = hop
        }
        return address
    }
}

extension Substring {
    fileprivate func trimmingSpaces() -> String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
