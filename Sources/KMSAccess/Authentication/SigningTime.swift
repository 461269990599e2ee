import Foundation

/// A time as signatures carry it: `yyyyMMdd'T'HHmmss'Z'`, exact to the second.
struct SigningTime: Equatable {
    /// Seconds since 1970.
    let seconds: Int
    /// The ISO 8601 basic form.
    let text: String

    /// The length of `yyyyMMdd`.
    static let dayLength = 8

    /// The first eight characters, as the scope repeats them.
    var day: Substring { Substring(text.utf8.prefix(Self.dayLength)) }

    /// Accepts the ISO 8601 basic form only, and only dates that exist.
    init?(basic text: String) {
        let seconds = text.utf8.withContiguousStorageIfAvailable { bytes -> Int? in
            guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z"),
                let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[4..<6]),
                let day = Self.number(bytes[6..<8]), let hour = Self.number(bytes[9..<11]),
                let minute = Self.number(bytes[11..<13]), let second = Self.number(bytes[13..<15])
            else { return nil }
            return Self.seconds(year, month, day, hour, minute, second)
        }
        guard let seconds = seconds ?? nil else { return nil }
        self.seconds = seconds
        self.text = text
    }

    /// Accepts what a `Date` header holds: RFC 1123 (`Tue, 24 Nov 2026 01:02:03 GMT`), or the ISO 8601 basic form.
    init?(httpDate text: String) {
        if let time = SigningTime(basic: text) {
            self = time
            return
        }
        // No such date is longer, and what follows compares characters.
        guard text.utf8.count <= 40 else { return nil }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT",
            let month = months.firstIndex(where: { $0 == parts[2] }), parts[3].utf8.count == 4,
            let day = Self.number(parts[1].utf8), let year = Self.number(parts[3].utf8)
        else { return nil }
        let clock = parts[4].split(separator: ":").map { Self.number($0.utf8) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2],
            let seconds = Self.seconds(year, month + 1, day, hour, minute, second)
        else { return nil }
        self.init(seconds: seconds)
    }

    /// The second that `date` is in.
    init(_ date: Date) { self.init(seconds: Int(date.timeIntervalSince1970.rounded(.down))) }

    init(seconds: Int) {
        self.seconds = seconds
        text = Self.text(of: seconds)
    }

    // MARK: Calendar

    /// Seconds since 1970, or nil for a time that does not exist.
    private static func seconds(
        _ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int
    ) -> Int? {
        guard year >= 1970, (1...12).contains(month), hour < 24, minute < 60, second < 60 else { return nil }
        let first = days(toYear: year, month: month)
        let next = month == 12 ? days(toYear: year + 1, month: 1) : days(toYear: year, month: month + 1)
        guard (1...next - first).contains(day) else { return nil }
        return (first + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// Days from 1970 to the first of a month.
    ///
    /// Source: the Gregorian calendar; years begin in March, so that the leap day is the last of its year, and the
    /// months' lengths follow `(153 m + 2) / 5`.
    private static func days(toYear year: Int, month: Int) -> Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let monthFromMarch = (month + 9) % 12
        let leapDays = shiftedYear / 4 - shiftedYear / 100 + shiftedYear / 400
        return shiftedYear * 365 + leapDays + (153 * monthFromMarch + 2) / 5 - 719_468
    }

    private static func text(of seconds: Int) -> String {
        let (days, rest) = (seconds / 86_400, seconds % 86_400)
        var year = 1970 + days / 366
        while days >= Self.days(toYear: year + 1, month: 1) { year += 1 }
        var month = 1
        while month < 12, days >= Self.days(toYear: year, month: month + 1) { month += 1 }
        let day = days - Self.days(toYear: year, month: month) + 1
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
        let date = digits(year, 4) + digits(month, 2) + digits(day, 2)
        return date + "T" + digits(rest / 3600, 2) + digits(rest / 60 % 60, 2) + digits(rest % 60, 2) + "Z"
    }

    @inline(__always)
    private static func number(_ digits: some Collection<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.count <= 4 else { return nil }
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }
}
