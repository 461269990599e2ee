import Foundation
import KMSEngine
import KMSModel

/// What pages read in answers of KMS.
extension JSONObject {
    /// A text.
    func text(_ name: String) -> String? {
        if case .string(let text)? = self[name] { text } else { nil }
    }

    /// A flag; one that is not there is not set.
    func flag(_ name: String) -> Bool { self[name] == .bool(true) }

    /// A number.
    func number(_ name: String) -> Double? {
        if case .number(let digits)? = self[name] { Double(digits) } else { nil }
    }

    /// A moment, which KMS writes in seconds since 1970.
    func date(_ name: String) -> Date? { number(name).map(Date.init(timeIntervalSince1970:)) }

    /// A structure.
    func object(_ name: String) -> JSONObject? {
        if case .object(let object)? = self[name] { object } else { nil }
    }

    /// The structures of a list.
    func objects(_ name: String) -> [JSONObject] {
        guard case .array(let values)? = self[name] else { return [] }
        return values.compactMap { if case .object(let object) = $0 { object } else { nil } }
    }

    /// The texts of a list.
    func texts(_ name: String) -> [String] {
        guard case .array(let values)? = self[name] else { return [] }
        return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
}

/// A moment as pages show it.
struct Moment: Sendable {
    /// For programs: ISO 8601.
    let iso: String
    /// For people: `2026-11-28 17:20 UTC`.
    let text: String
}

extension Moment {
    init(_ date: Date) { self.init(iso: UTCTime(date).iso8601) }

    /// A moment as IAM writes it.
    init(iso: String) {
        self.iso = iso
        text = iso.prefix(10) + " " + iso.dropFirst(11).prefix(5) + " UTC"
    }
}
