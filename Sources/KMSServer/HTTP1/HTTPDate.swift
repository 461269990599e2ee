import Foundation
import Synchronization

/// The time of an answer, as HTTP writes it (RFC 9110, section 5.6.7), which is made once a second.
package final class HTTPDate: Sendable {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private let last = Mutex((second: -1, text: ""))

    /// The present time.
    var text: String {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        let second = Int(now.tv_sec)
        return last.withLock { last in
            if last.second != second { last = (second, Self.text(of: second)) }
            return last.text
        }
    }

    /// A time in seconds since 1970.
    package static func text(of second: Int) -> String {
        var (time, date) = (time_t(second), tm())
        guard unsafe gmtime_r(&time, &date) != nil else { return "" }
        func digits(_ number: Int32, _ count: Int = 2) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
        let day = days[(second / 86_400) % days.count]
        let clock = [date.tm_hour, date.tm_min, date.tm_sec].map { digits($0) }.joined(separator: ":")
        return
            "\(day), \(digits(date.tm_mday)) \(months[Int(date.tm_mon)]) \(digits(date.tm_year + 1900, 4)) \(clock) GMT"
    }
}
