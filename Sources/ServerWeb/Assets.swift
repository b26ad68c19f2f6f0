internal import CWebAssets
internal import Hummingbird
internal import NIOCore
internal import OpenSSLEngine
internal import ServerKit
internal import TerminalText
internal import TextEncodings

/// The files that are part of the program: templates for the server, the rest for browsers.
enum Assets {
    /// Contents by name.
    static let all: [String: [UInt8]] = {
        var all: [String: [UInt8]] = ["terminal.css": Array(TerminalHTML.stylesheet.utf8)]
        let assets = UnsafeBufferPointer(start: pm_web_assets(), count: pm_web_asset_count())
        for asset in assets {
            // The table and what it points to are constants of the program.
            let bytes = UnsafeRawBufferPointer(start: asset.bytes, count: asset.size)
            all[String(cString: asset.name)] = Array(bytes)
        }
        return all
    }()

    /// What a browser may ask for, with its media type.
    static let publicFiles: [String: (bytes: [UInt8], mediaType: String)] = {
        var files: [String: (bytes: [UInt8], mediaType: String)] = [:]
        for (name, bytes) in all {
            let mediaType: String
            switch name.split(separator: ".").last {
            case "css": mediaType = "text/css; charset=utf-8"
            case "js": mediaType = "text/javascript; charset=utf-8"
            case "svg": mediaType = "image/svg+xml"
            default: continue
            }
            files[name] = (bytes, mediaType)
        }
        return files
    }()

    /// The part of their addresses that changes when any of them does, so that browsers may keep them for good.
    static let version: String = {
        var names: [UInt8] = []
        for (name, file) in publicFiles.sorted(by: { $0.key < $1.key }) {
            names += Array(name.utf8) + [0] + file.bytes + [0]
        }
        guard let digest = try? Digest.sha256(names.span) else { return "0" }
        return String(Hex.encode(digest.span).prefix(16))
    }()
}

extension Routes {
    /// Style sheets, scripts and the icon. An address of an older version gets what is there now, for a page that was open
    /// while the server was renewed.
    func addAssets() {
        open(.get, "/assets/:version/:name") { call in
            guard let file = Assets.publicFiles[call.parameter("name")] else { throw Problem.notFound }
            let isCurrent = call.parameter("version") == Assets.version
            return Response(
                status: .ok,
                headers: [
                    .contentType: file.mediaType,
                    .cacheControl: isCurrent ? "public, max-age=31536000, immutable" : "no-store",
                    // A picture that is opened by itself runs nothing.
                    .contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'; sandbox",
                ],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes)))
        }
    }
}
