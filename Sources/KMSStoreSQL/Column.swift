import Foundation
import KMSModel
import KMSStore

/// How values become columns; `RowReader` is the way back.
package enum Column {
    /// What is in a column; nil for nothing.
    package typealias Value = (any SQLConvertible)?

    /// Text, as its UTF-8.
    package static func text(_ text: String) -> Value { Array(text.utf8) }

    /// Bytes.
    package static func bytes(_ bytes: [UInt8]) -> Value { bytes }

    /// The dates that are stored and read: from 1970 to the last with a year of four digits, in milliseconds since
    /// 1970.
    static let milliseconds: ClosedRange<Int64> = 0...253_402_300_799_999

    /// - Throws: ``StoreError/corrupt(_:)`` for a date that could not be read again.
    static func date(_ date: Date) throws(StoreError) -> Value {
        let rounded = Int64(exactly: (date.timeIntervalSince1970 * 1000).rounded())
        guard let rounded, milliseconds.contains(rounded) else {
            throw .corrupt("a date out of range was to be stored")
        }
        return rounded
    }
}

extension KeyARN {
    /// Account, region, key identifier.
    var columns: [Column.Value] { [account.description, region.description, keyID.description] }
}

extension AliasARN {
    /// Account, region, name.
    var columns: [Column.Value] { [realm.account.description, realm.region.description, name.description] }
}

extension KeyRecord {
    /// Primary region, state, description, deletion date, pending window, policy, rotation period, next rotation, current
    /// material, version: what may change in a key's life.
    func changingColumns() throws(StoreError) -> [Column.Value] {
        var columns: [Column.Value] = [primaryRegion?.description, state.rawValue, Column.text(description)]
        columns.append(try deletionDate.flatMap { date throws(StoreError) in try Column.date(date) })
        columns += [pendingWindowInDays, Column.text(policy), rotation?.periodInDays]
        columns.append(try rotation.flatMap { schedule throws(StoreError) in try Column.date(schedule.nextRotation) })
        columns += [currentMaterial.flatMap { Column.bytes($0.bytes) }, version]
        return columns
    }
}

extension MaterialRecord {
    /// What the column `stage` says of material that did not come by a rotation.
    enum Stage {
        static let pending = "PENDING"
        static let first = "FIRST"
    }

    /// Stage, rotation date, end of validity, description, secret: what may change in a material's life.
    func changingColumns(secret: SQLValue?) throws(StoreError) -> [Column.Value] {
        var columns: [Column.Value]
        switch stage {
        case .pending: columns = [Stage.pending, nil]
        case .first: columns = [Stage.first, nil]
        case .rotated(let date, let type): columns = [type.rawValue, try Column.date(date)]
        }
        columns.append(try validTo.flatMap { date throws(StoreError) in try Column.date(date) })
        return columns + [description.flatMap(Column.text), secret]
    }
}

extension KeyUsageRecord {
    /// Operation, date, event, request.
    func columns() throws(StoreError) -> [Column.Value] {
        [operation.rawValue, try Column.date(date), eventID, requestID]
    }
}
