internal import Glibc
internal import Testing

/// Compressed files (docs/redactor.md), made and read by the formats' own programs in Python.
@Suite struct CompressedTests {
    private let directory = Directory()

    /// How to make and read each format. Python's standard library has no zstd: the file is a frame of one raw block,
    /// RFC 8878, 3.1.1.
    enum Format: String, CaseIterable, Sendable {
        case gzip, xz, bzip2, zstd

        var pack: String {
            switch self {
            case .gzip: "import gzip; out = gzip.compress(data)"
            case .xz: "import lzma; out = lzma.compress(data)"
            case .bzip2: "import bz2; out = bz2.compress(data)"
            case .zstd:
                "import struct; out = bytes.fromhex('28b52ffd20') + bytes([len(data)])"
                    + " + struct.pack('<I', len(data) << 3 | 1)[:3] + data"
            }
        }
        var unpack: String {
            switch self {
            case .gzip: "import gzip; out = gzip.decompress(data)"
            case .xz: "import lzma; out = lzma.decompress(data)"
            case .bzip2: "import bz2; out = bz2.decompress(data)"
            case .zstd: ""
            }
        }
    }

    @Test(arguments: Format.allCases) func `a compressed file is read and replaced as what it holds`(_ format: Format)
        throws
    {
        let path = pack("app.log.1", "line\na \(Samples.token)\n", format)
        let original = directory.bytes("app.log.1")
        #expect(try Child.run(["scrub", path]).text == "line\na \(Samples.mark)\n")
        let report = try Child.run(["scrub", "--check", "--explain", path])
        #expect(report.status == 1)
        #expect(report.error.contains("app.log.1:2:3: github-pat"))
        #expect(report.error.contains("at offset 7"))
        #expect(directory.bytes("app.log.1") == original)

        #expect(try Child.run(["scrub", "--in-place", directory.path]).status == 0)
        #expect(directory.names == ["app.log.1"])
        #expect(directory.bytes("app.log.1").prefix(3) == original.prefix(3))
        if format != .zstd { #expect(python(format.unpack, path) == "line\na \(Samples.mark)\n") }
        #expect(try Child.run(["scrub", path]).text == "line\na \(Samples.mark)\n")
    }

    @Test(arguments: Format.allCases) func `a clean compressed file is not touched`(_ format: Format) throws {
        let path = pack("log", "clean\n", format)
        let before = directory.status("log")
        #expect(try Child.run(["scrub", "--in-place", path]).status == 0)
        #expect(directory.status("log").st_ino == before.st_ino)
    }

    @Test(arguments: Format.allCases) func `a damaged file is an error and stays`(_ format: Format) throws {
        let path = pack("log", "a \(Samples.token)\n", format)
        let whole = directory.bytes("log")
        for content in [Array(whole.dropLast()), whole + Array("garbage that is no member".utf8)] {
            directory.write("log", bytes: content)
            let result = try Child.run(["scrub", "--in-place", path])
            #expect(result.status == 3)
            #expect(result.error.contains("log: \(format.rawValue): "))
            #expect(directory.bytes("log") == content)
            #expect(directory.names == ["log"])
            #expect(try Child.run(["scrub", path]).status == 3)
        }
    }

    @Test func `standard input is decompressed when asked for`() throws {
        pack("log", "a \(Samples.token)\n", .gzip)
        let packed = directory.bytes("log")
        #expect(try feed(["scrub", "--decompress"], packed).text == "a \(Samples.mark)\n")
        #expect(try feed(["scrub", "-z"], Array("a \(Samples.token)\n".utf8)).text == "a \(Samples.mark)\n")
        #expect(try feed(["scrub", "-z"], []).output.isEmpty)
        let cut = try feed(["scrub", "-z"], Array(packed.dropLast(3)))
        #expect(cut.status == 3)
        #expect(!cut.text.contains(Samples.token))
    }

    @Test func `standard input passes as it is otherwise, with a warning`() throws {
        pack("log", "a \(Samples.token)\n", .gzip)
        let packed = directory.bytes("log")
        let result = try feed(["scrub"], packed)
        #expect(result.output == packed)
        #expect(result.status == 0)
        #expect(result.error.contains("standard input is compressed (gzip)"))
    }

    private func feed(_ arguments: [String], _ bytes: [UInt8]) throws -> Child.Result {
        let child = try Child(arguments)
        child.write(bytes)
        return child.finish()
    }

    @discardableResult private func pack(_ name: String, _ text: String, _ format: Format) -> String {
        let path = directory.write(name, text)
        _ = python(format.pack, path, writing: path)
        return path
    }

    /// Runs `code`, which makes `out` of `data`, the file's content; returns it as text, or writes it.
    private func python(_ code: String, _ path: String, writing target: String? = nil) -> String {
        let program =
            "import sys; data = open(sys.argv[1], 'rb').read(); \(code)\n"
            + (target == nil ? "sys.stdout.buffer.write(out)" : "open(sys.argv[2], 'wb').write(out)")
        guard let child = try? Child(["-c", program, path, target ?? ""], program: "/usr/bin/python3") else {
            return ""
        }
        return child.finish().text
    }
}

extension Directory {
    fileprivate func bytes(_ name: String) -> [UInt8] {
        guard let file = fopen(path + "/" + name, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        return Array(bytes[..<fread(&bytes, 1, bytes.count, file)])
    }

    fileprivate func write(_ name: String, bytes: [UInt8]) {
        guard let file = fopen(path + "/" + name, "w") else { return }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }
}
