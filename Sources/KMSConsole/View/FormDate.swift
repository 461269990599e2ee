import Foundation
import KMSEngine

/// Moments as browsers send them (HTML Living Standard, "local date and time string"), taken as UTC.
package enum FormDate {
    /// Seconds since 1970 of `2027-12-31`, `2027-12-31T18:00` or `2027-12-31T18:00:30`; nil for what is no date.
    package static func seconds(_ text: String) -> Int? {
        let whole =
            switch text.utf8.count {
            case 10: "\(text)T00:00:00Z"
            case 16: "\(text):00Z"
            case 19: "\(text)Z"
            default: ""
            }
        // The parser counts days and minutes on that there are not; written again they are others.
        guard let moment = try? Date(whole, strategy: .iso8601), UTCTime(moment).iso8601 == whole else { return nil }
        return Int(moment.timeIntervalSince1970)
    }
}
