import Foundation
import Testing

@testable import ImageCleaning

/// Images that Pillow made, with a word in every place that can hold one, and what Pillow says of the cleaned ones.
@Suite("Images without metadata")
struct ImageCleaningTests {
    /// Stands in text chunks, comments, Exif, XMP, profiles, thumbnails, unknown chunks, and behind the end.
    static let word = "CANARY" + "-5f2c"

    static let python: String? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let peer = root + "/.build/peers/bin/python"
        return FileManager.default.isExecutableFile(atPath: peer) ? peer : nil
    }()

    static var isPossible: Bool {
        python != nil || ProcessInfo.processInfo.environment["PIPEMASON_REQUIRE_PEERS"] == "1"
    }

    /// Makes the images in a directory; prints their names.
    static let maker = #"""
        import io, struct, sys, zlib
        from PIL import Image, PngImagePlugin, ImageDraw
        word, out = sys.argv[1], sys.argv[2]
        def picture(mode, size=(61, 37)):
            image = Image.new("RGBA", size, (10, 20, 30, 255))
            draw = ImageDraw.Draw(image)
            draw.ellipse((5, 5, 50, 30), fill=(200, 30, 90, 128), outline=(0, 255, 0, 255))
            draw.line((0, 0, 60, 36), fill=(255, 255, 0, 200), width=3)
            return image.convert(mode)
        exif = Image.Exif(); exif[0x010E] = word; exif[0x9286 & 0xFFFF] = word
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", word); info.add_text("Zipped", word * 50, zip=True); info.add_itxt("XML:com.adobe.xmp", word)
        icc = b"\0" * 40 + word.encode() + b"\0" * 100
        def save(name, image, **options):
            buffer = io.BytesIO(); image.save(buffer, **options)
            open(f"{out}/{name}", "wb").write(buffer.getvalue() + word.encode()); print(name)
        for mode in ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"]:
            save(f"{mode.replace(';', '')}.png", picture("L").convert("I;16") if mode == "I;16" else picture(mode),
                 format="PNG", pnginfo=info, exif=exif, icc_profile=icc, dpi=(72, 72))
        frames = [picture("RGBA").rotate(angle) for angle in (0, 20, 40)]
        save("moving.png", frames[0], format="PNG", save_all=True, append_images=frames[1:], duration=80, pnginfo=info)
        for mode in ["RGB", "L", "CMYK"]:
            for progressive in [False, True]:
                save(f"{mode}-{progressive}.jpg", picture("RGB").convert(mode), format="JPEG", exif=exif, icc_profile=icc,
                     comment=word, progressive=progressive, dpi=(300, 300))
        save("restarts.jpg", picture("RGB", (640, 480)), format="JPEG", restart_marker_blocks=3, comment=word)
        save("still.gif", picture("P"), format="GIF", comment=word.encode())
        save("moving.gif", frames[0].convert("P"), format="GIF", save_all=True, append_images=[f.convert("P") for f in frames[1:]],
             loop=0, duration=80, comment=word.encode())
        for lossless in [False, True]:
            save(f"{lossless}.webp", picture("RGBA"), format="WEBP", lossless=lossless, exif=exif, icc_profile=icc,
                 xmp=word.encode())
        save("plain.webp", picture("RGB"), format="WEBP")
        save("moving.webp", frames[0], format="WEBP", save_all=True, append_images=frames[1:], duration=80, exif=exif)
        """#

    /// Compares two directories of images: every frame's pixels, and that nothing is left beside them.
    static let judge = #"""
        import os, sys
        from PIL import Image, ImageSequence
        for name in sorted(os.listdir(sys.argv[2])):
            before, after = (Image.open(f"{d}/{name}") for d in sys.argv[1:3])
            frames = [[f.convert("RGBA").tobytes() for f in ImageSequence.Iterator(image)] for image in (before, after)]
            assert frames[0] == frames[1] and len(frames[1]) > 0, name
            assert before.mode == after.mode and before.size == after.size, name
            if name.startswith("moving"): assert len(frames[1]) == 3, name
            left = set(after.info) & {"exif", "icc_profile", "xmp", "comment", "Comment", "Zipped", "XML:com.adobe.xmp"}
            assert not [key for key in left if after.info[key]], (name, left)
            print(name)
        """#

    private func run(_ script: String, _ arguments: [String]) throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.python))
        process.arguments = ["-c", script] + arguments
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let messages = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitForEnd()
        #expect(process.terminationStatus == 0, "\(messages)")
        return text.split(separator: "\n").map(String.init).sorted()
    }

    /// Runs `body` with all images, by name.
    private func withImages(_ body: (_ directory: String, [String: [UInt8]]) throws -> Void) throws {
        let directory = NSTemporaryDirectory() + "/images-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let names = try run(Self.maker, [Self.word, directory])
        #expect(names.count == 21)
        var images: [String: [UInt8]] = [:]
        for name in names {
            images[name] = [UInt8](try #require(FileManager.default.contents(atPath: "\(directory)/\(name)")))
        }
        try body(directory, images)
    }

    private func contains(_ bytes: [UInt8], _ word: String) -> Bool {
        Data(bytes).range(of: Data(word.utf8)) != nil
    }

    @Test(
        "Every pixel of every frame stays, and nothing else; cleaning twice is cleaning once", .enabled(if: isPossible))
    func pixels() throws {
        try withImages { directory, images in
            let target = directory + "/clean"
            try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
            for (name, bytes) in images {
                #expect(contains(bytes, Self.word), "\(name)")
                let image = try CleanImage(bytes)
                #expect(!contains(image.bytes, Self.word), "\(name)")
                #expect(image.bytes.count < bytes.count)
                #expect(try CleanImage(image.bytes).bytes == image.bytes, "\(name)")
                let type = name.hasSuffix("jpg") ? "jpeg" : name.split(separator: ".").last.map(String.init) ?? ""
                #expect(image.format.mediaType == "image/" + type)
                try Data(image.bytes).write(to: URL(fileURLWithPath: "\(target)/\(name)"))
            }
            #expect(try run(Self.judge, [directory, target]) == images.keys.sorted())
        }
    }

    @Test("Cuts and changed bytes are refused or cleaned, and never trap", .enabled(if: isPossible))
    func mutations() throws {
        try withImages { _, images in
            var generator = SystemRandomNumberGenerator()
            for (_, bytes) in images {
                let clean = try CleanImage(bytes).bytes
                for cut in stride(from: 0, to: clean.count, by: max(1, clean.count / 60)) {
                    #expect(throws: ImageError.self) { try CleanImage(Array(clean[..<cut])) }
                }
                for _ in 0..<150 {
                    var changed = bytes
                    for _ in 0..<Int.random(in: 1...5, using: &generator) {
                        let index = Int.random(in: 0..<changed.count, using: &generator)
                        changed[index] = UInt8.random(in: 0...255, using: &generator)
                    }
                    fuzzImageCleaning(changed)
                }
            }
        }
    }

    @Test("Whatever is no image, and images that break their rules, are refused")
    func refusals() {
        let header: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
            let body = Array(type.utf8) + data
            let sum = CRC.checksum(body[...])
            return number(UInt32(data.count)) + body + number(sum)
        }
        func number(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
        let start = chunk("IHDR", number(1) + number(1) + [8, 0, 0, 0, 0])
        let huge = chunk("IHDR", number(40_000) + number(1) + [8, 0, 0, 0, 0])
        let data = chunk("IDAT", [0x78, 0x9C, 0x63, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01])
        let end = chunk("IEND", [])
        #expect(throws: Never.self) { try CleanImage(header + start + data + end) }
        var badSum = data
        badSum[badSum.count - 1] ^= 1
        let cases: [[UInt8]] = [
            [], [0x89], Array("<svg onload=alert(1)>".utf8), Array("%PDF-1.4".utf8), Array("#!/bin/sh\n".utf8), header,
            header + data + end, header + start + end, header + start + data, header + huge + data + end,
            header + start + start + data + end, header + start + badSum + end,
            header + start + data + chunk("gAMA", [0, 0, 0, 1]) + data + end,
            header + start + chunk("XYZa", []) + data + end,
            header + start + chunk("gAMA", [UInt8](repeating: 65, count: 400)) + data + end,
            header + number(0xFFFF_FFFF) + Array("IHDR".utf8), [0xFF, 0xD8, 0xFF, 0xD9],
            [0xFF, 0xD8, 0xFF, 0xDA, 0, 2], [0xFF, 0xD8, 0xFF, 0xE0, 0, 0], Array("GIF89a".utf8),
            Array("GIF89a".utf8) + [1, 0, 1, 0, 0, 0, 0, 0x3B], Array("RIFF".utf8) + [4, 0, 0, 0] + Array("WEBP".utf8),
            Array("RIFF".utf8) + [255, 255, 255, 255] + Array("WEBPVP8 ".utf8),
        ]
        for (index, bytes) in cases.enumerated() {
            #expect(throws: ImageError.self, "case \(index)") { try CleanImage(bytes) }
        }
        #expect(throws: ImageError.self) { try CleanImage([UInt8](repeating: 0x89, count: CleanImage.maximumSize + 1)) }
    }
}

/// The fuzz entry point: what is accepted is clean, smaller or equal, and stays as it is.
func fuzzImageCleaning(_ bytes: [UInt8]) {
    guard let image = try? CleanImage(bytes) else { return }
    #expect(image.bytes.count <= bytes.count + 2)
    #expect((try? CleanImage(image.bytes))?.bytes == image.bytes)
}

extension Process {
    /// As `waitUntilExit`, which sometimes does not return on a thread without a run loop.
    fileprivate func waitForEnd() { while isRunning { usleep(2000) } }
}
