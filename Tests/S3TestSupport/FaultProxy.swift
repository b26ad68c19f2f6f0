internal import Foundation
internal import Glibc
internal import RawHTTP
internal import Synchronization

/// Stands before an HTTP server and does to the next requests what it is told; the others it passes on, byte for byte.
package final class FaultProxy: Sendable {
    package enum Fault: Sendable {
        /// An answer of its own.
        case answer(Int, body: String)
        /// The connection ends before anything is done.
        case cut
        /// The server does what it is asked, and the connection ends before the answer.
        case lostAnswer
        /// The same within the answer, after so many bytes of its body.
        case cutAnswer(after: Int)
        /// Nothing comes.
        case silence
        /// The answer comes a byte at a time.
        case drip
    }

    package let port: Int
    private let target: Int
    private let listener: Int32
    private let state = Mutex((faults: [Fault](), heads: [String](), isEnded: false))

    /// - Parameter target: The port of the server on this machine.
    package init(before target: Int) throws {
        self.target = target
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        port = try Self.bindFree(listener)
        guard listen(listener, 64) == 0 else { throw S3Server.Failure(description: "listen") }
        let thread = Thread { [weak self, listener] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                guard let proxy = self else {
                    close(connection)
                    return
                }
                Thread { proxy.serve(connection) }.start()
            }
        }
        thread.start()
    }

    deinit {
        state.withLock { $0.isEnded = true }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// What the next requests meet, one each.
    package func queue(_ faults: [Fault]) { state.withLock { $0.faults += faults } }

    /// The heads of all requests so far.
    package var heads: [String] { state.withLock { $0.heads } }

    /// One request, then the connection ends.
    private func serve(_ connection: Int32) {
        defer { close(connection) }
        guard let (head, body) = receive(connection) else { return }
        let fault = state.withLock { state -> Fault? in
            state.heads.append(head)
            return state.faults.isEmpty ? nil : state.faults.removeFirst()
        }
        switch fault {
        case .answer(let status, let text):
            // Kept open in the client's eyes, it would get the next request, which nobody here sees.
            let head = "HTTP/1.1 \(status) X\r\nConnection: close\r\nContent-Length: \(text.utf8.count)\r\n\r\n"
            send(connection, Array((head + text).utf8))
        case .cut: return
        case .silence:
            // Until the client has had enough.
            var byte: UInt8 = 0
            _ = recv(connection, &byte, 1, 0)
        case .lostAnswer: _ = forward(head, body)
        case .cutAnswer(let count):
            guard let (head, body) = forward(head, body) else { return }
            send(connection, head + body.prefix(count))
        case .drip:
            guard let (head, body) = forward(head, body) else { return }
            send(connection, head)
            for byte in body {
                guard send(connection, [byte]) else { return }
                usleep(50_000)
            }
        case nil:
            guard let (head, body) = forward(head, body) else { return }
            send(connection, head + body)
        }
    }

    /// Reads a request; nil when none comes.
    private func receive(_ connection: Int32) -> (head: String, body: [UInt8])? {
        var bytes: [UInt8] = []
        var head: String?
        var length = 0
        var room = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if head == nil, let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                let text = String(decoding: bytes[..<end.upperBound], as: UTF8.self)
                head = text
                bytes.removeSubrange(..<end.upperBound)
                let field = text.lowercased().components(separatedBy: "\r\n").first { $0.hasPrefix("content-length:") }
                length = field.flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
            }
            if let head, bytes.count >= length { return (head, bytes) }
            let count = recv(connection, &room, room.count, 0)
            guard count > 0 else { return nil }
            bytes += room[..<count]
        }
    }

    private func forward(_ head: String, _ body: [UInt8]) -> (head: [UInt8], body: [UInt8])? {
        guard let socket = try? HTTPSocket(port: target), socket.send(Array(head.utf8) + body),
            let answer = try? socket.answer()
        else { return nil }
        var text = "HTTP/1.1 \(answer.status) X\r\n"
        for (name, value) in answer.headers where name != "connection" { text += "\(name): \(value)\r\n" }
        return (Array((text + "connection: close\r\n\r\n").utf8), answer.body)
    }

    @discardableResult private func send(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    /// A port of loopback that was free just now.
    package static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return try bindFree(descriptor)
    }

    private static func bindFree(_ descriptor: Int32) throws -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isBound else { throw S3Server.Failure(description: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
