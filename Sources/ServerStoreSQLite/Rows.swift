internal import Foundation
public import GRDB
public import SealingKit
public import ServerStore
internal import TextEncodings

// How values stand in columns. How rows become values is in ServerStore, once for all stores.

extension Identifier: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Data.fromDatabaseValue(value).flatMap { Self(bytes: $0) }
    }
}

extension Timestamp: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue { milliseconds.databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Int64.fromDatabaseValue(value).map { Timestamp(milliseconds: $0) }
    }
}

extension TokenHash: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Data.fromDatabaseValue(value).flatMap { TokenHash(stored: Array($0)) }
    }
}

extension KeyID: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Data.fromDatabaseValue(value).flatMap { KeyID(hex: Hex.encode(Array($0).span)) }
    }
}

extension Row: StoredRow {
    public func integer(_ column: String) throws -> Int64? { try read(column) }
    public func text(_ column: String) throws -> String? { try read(column) }
    public func bytes(_ column: String) throws -> [UInt8]? { try read(column, as: Data.self).map { Array($0) } }

    private func read<Value: DatabaseValueConvertible>(
        _ column: String, as type: Value.Type = Value.self
    ) throws -> Value? {
        let stored: DatabaseValue = self[column]
        guard !stored.isNull else { return nil }
        guard let value = Value.fromDatabaseValue(stored) else { throw StoreError(.damaged, "column \(column)") }
        return value
    }
}
