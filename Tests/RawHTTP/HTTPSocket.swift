internal import Foundation
internal import Glibc

/// A connection that sends what it is told, byte for byte, and no more: for clients that do not behave.
package final class HTTPSocket {
    package let descriptor: Int32
    private var received: [UInt8] = []

    package enum Failure: Error { case connect, closed, timedOut, malformed }

    package struct Answer: Sendable {
        package let status: Int
        package let headers: [String: String]
        package let body: [UInt8]

        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// - Parameter timeout: For how long one read waits, in seconds.
    package init(port: Int, timeout: Int = 20, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var wait = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // All properties are set, so `deinit` closes the descriptor when this throws.
        guard status == 0 else { throw Failure.connect }
    }

    deinit { close(descriptor) }

    /// Sends all of it; false when the other end is gone.
    @discardableResult package func send(_ bytes: some Collection<UInt8>) -> Bool {
        let bytes = Array(bytes)
        var offset = 0
        while offset < bytes.count {
            let sent = bytes[offset...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            offset += sent
        }
        return true
    }

    @discardableResult package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Reads what is there, at most 64 KiB; empty when the other end has closed.
    package func read() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN { throw Failure.timedOut }
        return count > 0 ? Array(buffer[..<count]) : []
    }

    /// Reads until the other end closes.
    package func readAll() throws -> [UInt8] {
        var all = received
        received = []
        while case let bytes = try read(), !bytes.isEmpty { all += bytes }
        return all
    }

    /// How long it takes until the other end closes, while `body` keeps sending.
    package func timeUntilClosed(limit: Duration = .seconds(10), _ body: () -> Bool) -> Duration? {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < limit {
            guard body() else { return ContinuousClock.now - start }
            var byte: UInt8 = 0
            let count = recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT))
            if count == 0 || (count < 0 && errno != EAGAIN) { return ContinuousClock.now - start }
            usleep(20_000)
        }
        return nil
    }

    /// Sends a request and reads its answer; the connection stays open.
    package func request(
        _ method: String, _ path: String, _ headers: [String: String] = [:], _ body: [UInt8] = []
    ) throws -> Answer {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        guard send(Array((head + "\r\n").utf8) + body) else { throw Failure.closed }
        return try answer()
    }

    /// Reads an answer with a `Content-Length`.
    package func answer() throws -> Answer {
        let separator = Array("\r\n\r\n".utf8)
        var end: Int?
        while end == nil {
            end = received.indices.first { received[$0...].starts(with: separator) }
            if end == nil { try receiveMore() }
        }
        let head = String(decoding: received[..<end!], as: UTF8.self).components(separatedBy: "\r\n")
        received.removeSubrange(..<(end! + 4))
        var headers: [String: String] = [:]
        for line in head.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            let value = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            // One that occurs several times has its values in lines.
            headers[parts[0].lowercased(), default: ""] += headers[parts[0].lowercased()] == nil ? value : "\n" + value
        }
        guard let status = head.first.flatMap({ $0.split(separator: " ").dropFirst().first }).flatMap({ Int($0) })
        else {
            throw Failure.malformed
        }
        let length = Int(headers["content-length"] ?? "0") ?? 0
        while received.count < length { try receiveMore() }
        let body = Array(received[..<length])
        received.removeSubrange(..<length)
        return Answer(status: status, headers: headers, body: body)
    }

    /// Reads until `text` has come; returns everything up to then.
    package func read(until text: String) throws -> String {
        while !String(decoding: received, as: UTF8.self).contains(text) { try receiveMore() }
        return String(decoding: received, as: UTF8.self)
    }

    private func receiveMore() throws {
        let bytes = try read()
        guard !bytes.isEmpty else { throw Failure.closed }
        received += bytes
    }
}

/// The header of a bearer token, for `request`.
package func bearer(_ token: String) -> [String: String] {
    ["Authorization": ["Bearer", token].joined(separator: " ")]
}

/// The same as a line of a request that is written by hand.
package func bearerLine(_ token: String) -> String {
    bearer(token).map { "\($0.key): \($0.value)\r\n" }.joined()
}
