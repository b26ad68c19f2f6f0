import LinkProtocol
import Testing

@Suite("What pipemason and its link say to each other")
struct LinkProtocolTests {
    static let frames: [Frame] = [
        Frame(.configure, LinkConfiguration(origin: "https://example.test").encoded), Frame(.token, [1, 2, 3]),
        Frame(.request, id: 7, LinkRequest("GET", "/").encoded),
        Frame(.body, id: 7, [UInt8](repeating: 9, count: 70_000)),
        Frame(.end, id: 7), Frame(.response, id: UInt32.max, LinkResponse(status: 200).encoded),
        Frame(.failure, id: 1, LinkFailure(.tls).encoded),
    ]

    @Test("Frames come out as they went in, however the bytes are cut", arguments: [1, 2, 9, 10, 1000, Int.max])
    func frames(_ step: Int) throws {
        let bytes = Self.frames.flatMap(\.encoded)
        var reader = FrameReader()
        var found: [Frame] = []
        var start = 0
        while start < bytes.count {
            let end = start + min(step, bytes.count - start)
            reader.write(bytes[start..<end])
            while let frame = try reader.next() { found.append(frame) }
            start = end
        }
        #expect(found == Self.frames)
        #expect(!reader.isInside)
        reader.write([0x65])
        #expect(reader.isInside)
    }

    @Test("Unknown kinds and lengths beyond the limit are refused before they are waited for")
    func badFrames() {
        for bytes: [UInt8] in [
            [0x00, 0, 0, 0, 0, 0, 0, 0, 0], [0x62, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], [0x62, 0, 0, 0, 0, 0, 4, 0, 1],
        ] {
            var reader = FrameReader()
            reader.write(bytes)
            #expect(throws: LinkError.self) { try reader.next() }
        }
    }

    @Test("Messages come back as they were")
    func messages() throws {
        let configuration = LinkConfiguration(
            origin: "https://example.test:8443", authorities: "/etc/ca \"x\".pem", proxy: "http://proxy:3128")
        #expect(try LinkConfiguration(parsing: configuration.encoded) == configuration)
        let request = LinkRequest(
            "POST", "/a?b=%20", headers: [("content-type", "text/plain"), ("x-a", "b c")], length: 5,
            isAuthorized: false,
            timeout: 9)
        #expect(try LinkRequest(parsing: request.encoded) == request)
        #expect(try LinkRequest(parsing: LinkRequest("DELETE", "/").encoded).isAuthorized)
        let response = LinkResponse(status: 503, headers: [("retry-after", "7")])
        #expect(try LinkResponse(parsing: response.encoded) == response)
        #expect(response["retry-after"] == "7" && response["date"] == nil)
        for kind in LinkFailure.Kind.allCases {
            #expect(try LinkFailure(parsing: LinkFailure(kind).encoded).kind == kind)
        }
    }

    @Test("A request cannot become two, nor go elsewhere")
    func smuggling() {
        for path in ["", "x", "//evil.test/", "/a b", "/a\r\nHost: evil", "/\u{e9}", "/a\u{0}", "@evil.test/"] {
            #expect(throws: LinkError.self) { try LinkRequest(parsing: LinkRequest("GET", path).encoded) }
        }
        for (name, value) in [("a:b", ""), ("", "x"), ("a", "b\r\nc: d"), ("a", "\u{7f}"), ("a b", ""), ("ä", "")] {
            let request = LinkRequest("GET", "/", headers: [(name, value)])
            #expect(throws: LinkError.self) { try LinkRequest(parsing: request.encoded) }
        }
        for method in ["", "get", "CONNECT", "GET / HTTP/1.1\r\n"] {
            #expect(throws: LinkError.self) { try LinkRequest(parsing: LinkRequest(method, "/").encoded) }
        }
        let many = LinkRequest("GET", "/", headers: (0...16).map { ("h\($0)", "") })
        #expect(throws: LinkError.self) { try LinkRequest(parsing: many.encoded) }
        #expect(throws: LinkError.self) { try LinkRequest(parsing: LinkRequest("GET", "/", length: -1).encoded) }
        #expect(throws: LinkError.self) { try LinkResponse(parsing: Array(#"{"status":99,"headers":[]}"#.utf8)) }
    }

    @Test("Changed bytes are refused or read, and never trap")
    func mutations() {
        var generator = SystemRandomNumberGenerator()
        let samples = [
            LinkRequest("POST", "/a", headers: [("a", "b")], length: 5).encoded, LinkResponse(status: 200).encoded,
            LinkConfiguration(origin: "https://a").encoded, Self.frames[2].encoded,
        ]
        for _ in 0..<2000 {
            var bytes = samples.randomElement(using: &generator)!
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
                default: bytes.removeSubrange(index...)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            fuzzLinkProtocol(bytes)
        }
    }
}

/// The fuzz entry point: reads bytes as every message and as frames.
func fuzzLinkProtocol(_ bytes: [UInt8]) {
    if let request = try? LinkRequest(parsing: bytes) {
        #expect((try? LinkRequest(parsing: request.encoded)) == request)
    }
    _ = try? LinkResponse(parsing: bytes)
    _ = try? LinkConfiguration(parsing: bytes)
    _ = try? LinkFailure(parsing: bytes)
    var reader = FrameReader()
    reader.write(bytes)
    while let frame = try? reader.next() { #expect(frame.payload.count <= Frame.maximumPayload) }
}
