import Testing

@testable import RedactionKit

/// Words of formats, which are placeholders.
@Suite("Short words")
struct ShortWordsTests {
    /// Found: `oauth2` with a NUL behind it was taken for the word, and passed.
    @Test func `words of formats, in any case, and nothing else`() {
        func isWord(_ word: String) -> Bool {
            let bytes = Array(("=" + word + "=").utf8)
            return bytes.withUnsafeBufferPointer {
                Placeholders.isWord(Text(base: $0.baseAddress!, count: $0.count), 1..<($0.count - 1))
            }
        }
        let words = Set(Placeholders.words.map { "\($0)" })
        for word in words {
            #expect(isWord(word))
            #expect(isWord(word.uppercased()))
            for other in [word + "x", "x" + word, String(word.dropLast()), word + word, word + "\0"] {
                #expect(isWord(other) == words.contains(other), "\(other)")
            }
        }
        #expect(!isWord(""))
    }
}
