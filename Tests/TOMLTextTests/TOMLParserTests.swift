internal import TOMLText
internal import Testing

@Suite("TOML")
struct TOMLParserTests {
    /// The value of `a` in a document, written so that it can be compared.
    private func value(_ document: String) throws -> String {
        guard case .table(let root) = try TOMLParser.parse(document).value, let node = root["a"] else {
            return "nothing"
        }
        return describe(node)
    }

    private func describe(_ node: TOMLNode) -> String {
        switch node.value {
        case .string(let value): "\"\(value)\""
        case .integer(let value): "\(value)"
        case .float(let value): "\(value)"
        case .boolean(let value): "\(value)"
        case .date: "date"
        case .array(let nodes): "[" + nodes.map(describe).joined(separator: " ") + "]"
        case .table(let entries):
            "{" + entries.sorted { $0.key < $1.key }.map { "\($0.key)=\(describe($0.value))" }.joined(separator: " ")
                + "}"
        }
    }

    @Test(arguments: [
        ("a = 'x' # c", "\"x\""),
        ("\u{FEFF}a = 1\r\n", "1"),
        (#"a = "\b\t\n\f\r\"\\\u00e9\U0001F511""#, "\"\u{8}\t\n\u{C}\r\"\\é🔑\""),
        (#"a = "x\u0000y""#, "\"x\u{0}y\""),
        ("a = '\\d'", "\"\\d\""),
        ("a = '''\nx'y''z'''", "\"x'y''z\""),
        ("a = '''x'''''", "\"x''\""),
        ("a = \"\"\"\r\nx\r\ny\"\"\"", "\"x\ny\""),
        ("a = \"\"\"x\\  \n\n   y\"\"\"", "\"xy\""),
        ("a = \"\"\"\"x\"\"\"\"\"", "\"\"x\"\"\""),
        ("a = [1_000, -17, +0, 0xdead_BEEF, 0o17, 0b11]", "[1000 -17 0 3735928559 15 3]"),
        (
            "a = [1.5, -2e-3, 6.02E+23, 1_0.5_0e1_0, inf, -inf, nan]",
            "[1.5 -0.002 6.02e+23 105000000000.0 inf -inf nan]"
        ),
        ("a = [true, false]", "[true false]"),
        ("a = [1979-05-27T07:32:00Z, 1979-05-27 07:32:00.999-07:00, 1979-05-27, 07:32:00]", "[date date date date]"),
        ("a = [ # c\n 1, [ 2, ],\n]", "[1 [2]]"),
        ("a = {b = 1, c.d = 'x', \"e f\" = {}}", "{b=1 c={d=\"x\"} e f={}}"),
        ("a.b.c = 1\na.b.d = 2", "{b={c=1 d=2}}"),
        ("[a.b]\nx = 1\n[a]\ny = 2\n[a.b.c]", "{b={c={} x=1} y=2}"),
        ("[[a]]\nx = 1\n[[a]]\n[a.b]\ny = 2\n[[a.c]]\n[[a.c]]", "[{x=1} {b={y=2} c=[{} {}]}]"),
        ("[a]\nb.c = 1\n[a.b.d]\ne = 2", "{b={c=1 d={e=2}}}"),
        ("9223372036854775807 = 1\na = 9223372036854775807", "9223372036854775807"),
    ])
    func `is read`(document: String, expected: String) throws {
        #expect(try value(document) == expected)
    }

    @Test(arguments: [
        ("a", "1: a key is followed by \"=\" (column 2)"),
        ("\n= 1", "2: a key is missing (column 1)"),
        ("a = ", "1: a value is missing (column 5)"),
        ("a = b", "1: \"b\" is not a value; strings stand in quotes (column 6)"),
        ("a = 1 2", "1: nothing may follow on this line (column 7)"),
        ("a = 1\na = 2", "2: \"a\" is defined before (column 5)"),
        ("a = 01", "1: \"01\" is not a value"),
        ("a = 1__0", "1: \"1__0\" is not a value"),
        ("a = 1.", "1: \"1.\" is not a value"),
        ("a = 1979-02-29", "1: \"1979-02-29\" is not a value"),
        ("a = 9223372036854775808", "1: the number is too large"),
        ("a = 0x8000000000000000", "1: the number is too large"),
        ("a = 'x\n'", "1: a string ends on its line; use ''' for more (column 7)"),
        ("a = \"x\n\"", "1: a string ends on its line; use \"\"\" for more (column 7)"),
        ("a = 'x", "1: the string does not end"),
        ("\na = '''x\n\n", "4: the string that begins on line 2 does not end"),
        ("a = \"\"\"x\n\\", "2: the string does not end"),
        ("a = \"\\d\"", "1: \\d is not an escape; in '…' and '''…''' a backslash stands for itself"),
        ("a = \"\\ud800\"", "1: \\u is followed by 4 hexadecimal digits of a character"),
        ("a = \"\\U0011000\"", "1: \\U is followed by 8 hexadecimal digits of a character"),
        ("a = 'x\u{7}'", "1: a control character (7) stands in the text"),
        ("# \u{0}", "1: a control character (0) stands in the text"),
        ("a = [1 2]", "1: elements of an array are separated by \",\""),
        ("a = [\n1,\n", "3: a value is missing"),
        ("a = {b = 1\n}", "1: entries of an inline table are separated by \",\", on one line"),
        ("a = {b = 1,}", "1: a key is missing"),
        ("[a", "1: a table's header ends with \"]\""),
        ("[[a]", "1: the header of a table in an array ends with \"]]\""),
        ("[]", "1: a key is missing"),
        ("[a]\n[a]", "2: \"a\" is defined before"),
        ("a = 1\n[a.b]", "2: \"a\" is not a table that can be added to"),
        ("a = {}\n[a.b]", "2: \"a\" is not a table that can be added to"),
        ("a = []\n[[a]]", "2: \"a\" is not an array of tables"),
        ("[a.b]\n[a]\nb.c = 1", "3: \"b\" is not a table that can be added to"),
        ("[a]\nb.c = 1\n[a.b]", "3: \"b\" is defined before"),
    ])
    func `is refused`(document: String, message: String) {
        do throws(TOMLError) {
            _ = try TOMLParser.parse(document)
            Issue.record("accepted")
        } catch {
            #expect(error.description.hasPrefix(message), "\(error)")
        }
    }

    static let layout = """
        title = "x" # [[rules]]
        text = \"\"\"
        [[rules]]
        id = "not this"  \\"\"\"
        \"\"\"
        literal = '''
        [[rules]] ''"
        '''
        list = [ # a comment ]
          "a", # ,
          [ "b", '''
        c''', ],
          { d = 1, e = [ 2,
            3 ] },
        ]
        dotted . "quoted key".x = 1

        [[rules]]
        id = "first"
        regex = \"\"\"\\
          abc\"\"\"
          [[rules.allowlists]]
          paths = ["a",
            "b"]

          [[rules.allowlists]]
          paths = ["c"]
          [rules.deep.table]
          x = 1

        [[rules]]
        id = "second"
        [[rules.allowlists]]
        paths = [
          "d",
        ]

        [ extend ]
        path = "p"
        """

    @Test(arguments: [
        (["title"], 1),
        (["text"], 2),
        (["literal"], 6),
        (["list"], 9),
        (["list", "0"], 10),
        (["list", "1", "0"], 11),
        (["list", "1", "1"], 11),
        (["list", "2"], 13),
        (["list", "2", "d"], 13),
        (["list", "2", "e", "1"], 14),
        (["dotted", "quoted key", "x"], 16),
        (["rules"], 18),
        (["rules", "0"], 18),
        (["rules", "0", "id"], 19),
        (["rules", "0", "regex"], 20),
        (["rules", "0", "allowlists", "0"], 22),
        (["rules", "0", "allowlists", "0", "paths", "1"], 24),
        (["rules", "0", "allowlists", "1", "paths", "0"], 27),
        (["rules", "0", "deep", "table", "x"], 29),
        (["rules", "1", "id"], 32),
        (["rules", "1", "allowlists", "0", "paths", "0"], 35),
        (["extend", "path"], 39),
        // Something that is not there stands where its table stands.
        (["rules", "1", "secretGroup"], 31),
        (["rules", "7"], 18),
        (["nothing"], 0),
        ([], 0),
    ])
    func `values keep their lines`(path: [String], line: Int) throws {
        #expect(try TOMLParser.parse(Self.layout).line(of: path) == line)
    }
}
