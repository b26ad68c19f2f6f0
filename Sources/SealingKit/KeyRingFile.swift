internal import Glibc
internal import OpenSSLEngine
internal import TextEncodings

/// A key ring store in one text file, for tests and for use without a server (docs/formats/key-ring.md, "File").
///
/// Nothing in it is secret without the KEK, but it is kept private all the same. Every change replaces the file as a
/// whole; two processes must not change it at the same time.
public actor KeyRingFile: KeyRingStore {
    private let path: String
    private var contents: Contents

    /// The largest file that is read, in bytes.
    public static let maximumSize = 1 << 24

    /// The parsed file.
    public struct Contents: Sendable, Hashable {
        public var keys: [OrganizationKey] = []
        public var records: [StoredRecord] = []

        public init() {}
    }

    /// Opens the ring at `path`; an empty one when there is no such file yet.
    /// - Throws: `.notPrivate`, `.malformed`, `.limitExceeded`, `.inputOutput`.
    public init(_ path: String) throws(SealingError) {
        self.path = path
        var status = stat()
        if lstat(path, &status) != 0, errno == ENOENT {
            contents = Contents()
            return
        }
        var isOpenToOthers = false
        let bytes = try PrivateFile.read(
            path, maximumSize: Self.maximumSize, policy: .ownerOnly, isOpenToOthers: &isOpenToOthers)
        contents = try Contents(parsing: bytes.bytes)
    }

    public func organizations() -> [String] { Set(contents.keys.map(\.organization)).sorted() }

    public func keys(of organization: String) -> [OrganizationKey] {
        contents.keys.filter { $0.organization == organization }
            .sorted { ($0.purpose.rawValue, $0.version) < ($1.purpose.rawValue, $1.version) }
    }

    public func apply(_ changes: [KeyChange]) throws {
        var changed = contents
        for change in changes { try changed.apply(change) }
        try save(changed)
    }

    public func recordCount(of organization: String, under id: KeyID) -> Int {
        contents.records(of: organization, under: id).count
    }

    public func records(
        of organization: String, under id: KeyID, after cursor: String?, limit: Int
    ) -> [StoredRecord] {
        let all = contents.records(of: organization, under: id).sorted { $0.id < $1.id }
        return Array(all.filter { record in cursor.map { record.id > $0 } ?? true }.prefix(limit))
    }

    public func replace(_ record: StoredRecord, of organization: String, with new: [UInt8]) throws -> Bool {
        guard
            let index = contents.records.firstIndex(where: {
                $0.id == record.id && $0.context.tenant == organization && $0.sealed == record.sealed
            })
        else { return false }
        var changed = contents
        changed.records[index].sealed = new
        try save(changed)
        return true
    }

    /// Adds a record, or replaces the one with its id.
    public func put(_ record: StoredRecord) throws {
        var changed = contents
        changed.records.removeAll { $0.id == record.id && $0.context.tenant == record.context.tenant }
        changed.records.append(record)
        try save(changed)
    }

    private func save(_ changed: Contents) throws(SealingError) {
        let text = changed.encoded
        try PrivateFile.replace(path, with: text.span)
        contents = changed
    }
}

extension KeyRingFile.Contents {
    private static let magic = "pipemason-ring 1"

    func records(of organization: String, under id: KeyID) -> [StoredRecord] {
        records.filter { record in
            record.context.tenant == organization
                && (try? SealedRecord.keyID(of: record.sealed.span, kind: record.kind)) == id
        }
    }

    mutating func apply(_ change: KeyChange) throws(SealingError) {
        switch change {
        case .insert(let row):
            let exists = keys.contains {
                $0.id == row.id
                    || ($0.organization == row.organization && $0.purpose == row.purpose && $0.version == row.version)
            }
            guard !exists else { throw SealingError(.refused, "the key row is there already") }
            keys.append(row)
        case .setState(let organization, let id, let state): keys[try index(organization, id)].state = state
        case .setWrapped(let organization, let id, let wrapped): keys[try index(organization, id)].wrapped = wrapped
        case .shred(let organization): keys.removeAll { $0.organization == organization }
        }
    }

    private func index(_ organization: String, _ id: KeyID) throws(SealingError) -> Int {
        guard let index = keys.firstIndex(where: { $0.organization == organization && $0.id == id }) else {
            throw SealingError(.unknownKey, "organization \(organization) has no key \(id)")
        }
        return index
    }

    /// Parses a ring file: a first line, then one line for each key and record.
    /// - Throws: `.malformed`, naming the line.
    public init(parsing bytes: Span<UInt8>) throws(SealingError) {
        let array = [UInt8](appending: bytes.count) { $0.append(contentsOf: bytes) }
        let lines = array.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.count >= 2, String(decoding: lines[0], as: UTF8.self) == Self.magic, lines[lines.count - 1].isEmpty
        else { throw SealingError(.malformed, "not a key ring file of version 1") }
        for (number, line) in lines.enumerated().dropFirst().dropLast() {
            do throws(SealingError) {
                var words: [String] = []
                for word in line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false) {
                    words.append(try Self.unescape(word))
                }
                switch words.first {
                case "key": keys.append(try Self.key(Array(words.dropFirst())))
                case "record": records.append(try Self.record(Array(words.dropFirst())))
                default: throw SealingError(.malformed, "neither key nor record")
                }
            } catch { throw SealingError(error.code, "line \(number + 1) of the key ring: \(error.detail)") }
        }
    }

    private static func key(_ words: [String]) throws(SealingError) -> OrganizationKey {
        guard words.count == 7, let purpose = OrganizationKey.Purpose(rawValue: words[1]),
            let version = Int(words[2]), version > 0, let id = KeyID(hex: words[3]),
            let state = KeyState(rawValue: words[4]), let created = Int64(words[5])
        else { throw SealingError(.malformed, "a key line has seven members") }
        let row = OrganizationKey(
            organization: words[0], purpose: purpose, version: version, id: id, state: state, created: created,
            wrapped: try RecordText.decode(Array(words[6].utf8).span))
        _ = try row.kek
        return row
    }

    private static func record(_ words: [String]) throws(SealingError) -> StoredRecord {
        guard words.count == 9, let kind = ["field": RecordKind.field, "key": .key][words[1]] else {
            throw SealingError(.malformed, "a record line has nine members")
        }
        let context = try RecordContext(
            purpose: words[2], tenant: words[3], table: words[4], row: words[5], column: words[6],
            generation: words[7])
        let sealed = try RecordText.decode(Array(words[8].utf8).span)
        _ = try SealedRecord.keyID(of: sealed.span, kind: kind)
        return StoredRecord(id: words[0], kind: kind, context: context, sealed: sealed)
    }

    /// The file's text.
    public var encoded: [UInt8] {
        var text = Self.magic + "\n"
        for key in keys {
            let words = [
                "key", key.organization, key.purpose.rawValue, String(key.version), key.id.description,
                key.state.rawValue, String(key.created), RecordText.encode(key.wrapped.span),
            ]
            text += words.map(Self.escape).joined(separator: " ") + "\n"
        }
        for record in records {
            let context = record.context
            let words = [
                "record", record.id, record.kind == .field ? "field" : "key", context.purpose, context.tenant,
                context.table, context.row, context.column, context.generation, RecordText.encode(record.sealed.span),
            ]
            text += words.map(Self.escape).joined(separator: " ") + "\n"
        }
        return Array(text.utf8)
    }

    /// Percent-encodes what is not a visible ASCII character, and "%".
    private static func escape(_ word: String) -> String {
        var result = ""
        for byte in word.utf8 {
            if (33...126).contains(byte), byte != UInt8(ascii: "%") {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%" + Hex.encode([byte].span)
            }
        }
        return result
    }

    private static func unescape(_ word: ArraySlice<UInt8>) throws(SealingError) -> String {
        var result: [UInt8] = []
        var index = word.startIndex
        while index < word.endIndex {
            if word[index] == UInt8(ascii: "%") {
                guard index + 2 < word.endIndex, let high = Hex.value(word[index + 1]),
                    let low = Hex.value(word[index + 2])
                else { throw SealingError(.malformed, "a percent sign") }
                result.append(high << 4 | low)
                index += 3
            } else {
                guard (33...126).contains(word[index]) else { throw SealingError(.malformed, "a character") }
                result.append(word[index])
                index += 1
            }
        }
        guard let text = String(validating: result, as: UTF8.self) else {
            throw SealingError(.malformed, "not UTF-8")
        }
        return text
    }
}
