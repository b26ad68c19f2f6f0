internal import Mustache
internal import TerminalText

/// The templates of the pages, parsed once.
///
/// They are mustache: `{{name}}` is escaped, `{{{name}}}` is markup that another template or `TerminalHTML` made. A test holds every
/// template to that.
enum Templates {
    /// Renders a template.
    /// - Parameter view: What its names mean: a structure, whose strings are nil rather than empty where a section asks for them.
    static func render(_ name: String, _ view: Any) -> String {
        guard let template = parsed[name] else { preconditionFailure("no template \(name)") }
        return template.render(view)
    }

    /// The names of all templates.
    static var names: [String] { parsed.keys.sorted() }

    private static let parsed: [String: MustacheTemplate] = {
        MustacheContentTypes.register(EscapedBytes(), named: "PAGE")
        var parsed: [String: MustacheTemplate] = [:]
        for (file, bytes) in Assets.all where file.hasSuffix(".html") {
            let text = "{{% CONTENT_TYPE:PAGE}}" + String(decoding: bytes, as: UTF8.self)
            do { parsed[String(file.dropLast(5))] = try MustacheTemplate(string: text) } catch {
                preconditionFailure("\(file): \(error)")
            }
        }
        return parsed
    }()

    /// Escapes byte by byte. swift-mustache 2.1.1 escapes by `Character`, so a quotation mark with a combining accent behind it is not
    /// the character that it looks for, passes, and ends an attribute. Controls of direction become visible as well.
    private struct EscapedBytes: MustacheContentType {
        func escapeText(_ text: String) -> String {
            var html: [UInt8] = []
            TerminalHTML.append(visible: text, to: &html)
            return String(decoding: html, as: UTF8.self)
        }
    }
}
