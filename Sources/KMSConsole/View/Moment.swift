import Foundation
import KMSEngine
import KMSModel

/// What pages read in answers of KMS.
extension JSONObject {
    /// A moment, which KMS writes in seconds since 1970.
    func date(_ name: String) -> Date? { number(name).map(Date.init(timeIntervalSince1970:)) }
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
