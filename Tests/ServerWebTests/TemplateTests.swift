internal import Foundation
internal import Testing

@testable internal import ServerWeb

@Suite struct TemplateTests {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Sources/CWebAssets/assets")

    @Test func `the program has what is in the directory`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.directory.path)
        #expect(Set(files).union(["terminal.css"]) == Set(Assets.all.keys))
        for file in files {
            #expect(
                try Data(contentsOf: Self.directory.appending(path: file)) == Data(Assets.all[file] ?? []), "\(file)")
        }
        #expect(Assets.version.count == 16)
    }

    @Test(arguments: Templates.names)
    func `a template has nothing that the policy forbids`(name: String) throws {
        let text = String(decoding: try #require(Assets.all[name + ".html"]), as: UTF8.self)
        #expect(!text.contains(try Regex(#"\sstyle="#)))
        #expect(!text.contains(try Regex(#"\son[a-z]+="#)))
        #expect(!text.contains(try Regex(#"<script(?! type="module" src="/assets/)"#)))
        #expect(!text.contains("javascript:") && !text.contains("//cdn"))
        // What is not escaped was made by a template or by TerminalHTML.
        for match in text.matches(of: try Regex(#"\{\{\{(.*?)\}\}\}"#)) {
            #expect(["{{{content}}}", "{{{html}}}"].contains(String(text[match.range])))
        }
        // In an attribute, a value stands in quotation marks.
        #expect(!text.contains(try Regex(#"=\{\{"#)))
        // Every field has a label, every table's header a scope.
        #expect(!text.contains("<th>"))
        for match in text.matches(of: try Regex(#"<label for="([a-z]+)""#)) {
            let name = try #require(match.output[1].substring)
            #expect(text.contains(#"id="\#(name)""#))
        }
    }

    @Test(arguments: [
        "<script>", "\"\u{301} onfocus=x", "'\u{338}", "&\u{301}lt;", "<\u{20DD}b>", "\"\u{200D}\"", "a\u{202E}b",
        "\r\n\"",
    ])
    func `whatever a value holds stays a value`(hostile: String) throws {
        struct View {
            let heading: String
            let text: String
            let detail: String?
        }
        let page = Templates.render("error", View(heading: hostile, text: hostile, detail: hostile))
        let empty = Templates.render("error", View(heading: "", text: "", detail: ""))
        let bytes = page.utf8.filter { [0x22, 0x27, 0x3C, 0x3E].contains($0) }
        #expect(bytes == empty.utf8.filter { [0x22, 0x27, 0x3C, 0x3E].contains($0) })
        #expect(!page.unicodeScalars.contains("\u{202E}"))
    }

    @Test func `optional values leave their section out`() {
        struct View {
            let heading: String
            let text: String
            let detail: String?
        }
        #expect(!Templates.render("error", View(heading: "h", text: "t", detail: nil)).contains("muted"))
    }
}
