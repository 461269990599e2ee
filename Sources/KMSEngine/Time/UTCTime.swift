package import struct Foundation.Date

/// A moment as the calendar of UTC shows it, for records and texts.
///
/// Computed by hand, because a date formatter costs more than everything else in an audit record. Source of the
/// arithmetic: the proleptic Gregorian calendar, in which 400 years are 146,097 days.
package struct UTCTime {
    private let year: Int
    private let month: Int
    private let day: Int
    private let secondOfDay: Int

    /// Takes `date` apart; what is left of a second is dropped.
    package init(_ date: Date) {
        let seconds = Int(date.timeIntervalSince1970.rounded(.down))
        let days = seconds.flooredQuotient(by: 86_400)
        secondOfDay = seconds - days * 86_400
        // Days since 1 March of year 0, so that the leap day is the last of its year.
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// The beginning of a day, which is counted from 1970-01-01.
    init(day: Int) { self.init(Date(timeIntervalSince1970: Double(day) * 86_400)) }

    /// The day of `date`, counted from 1970-01-01.
    package static func day(of date: Date) -> Int {
        Int(date.timeIntervalSince1970.rounded(.down)).flooredQuotient(by: 86_400)
    }

    /// The day of a date as `yyyy-MM-dd`, counted from 1970-01-01; nil for any other text.
    static func day(ofDate text: String) -> Int? {
        let numbers = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard numbers.count == 3, (0...9999).contains(numbers[0]), (1...12).contains(numbers[1]),
            (1...31).contains(numbers[2])
        else { return nil }
        // The inverse of what the initializer does, which is asked whether there is such a date.
        let year = numbers[1] <= 2 ? numbers[0] - 1 : numbers[0]
        let monthFromMarch = (numbers[1] + 9) % 12
        let era = year.flooredQuotient(by: 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + numbers[2] - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let day = era * 146_097 + dayOfEra - 719_468
        return UTCTime(day: day).date == text ? day : nil
    }

    /// The seconds since 1970 of a time as ``iso8601`` writes it; nil for any other text.
    static func seconds(ofISO8601 text: String) -> Int? {
        let parts = text.split(separator: "T", omittingEmptySubsequences: false)
        guard parts.count == 2, let day = day(ofDate: String(parts[0])), parts[1].hasSuffix("Z") else { return nil }
        let numbers = parts[1].dropLast().split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard numbers.count == 3, zip(numbers, [24, 60, 60]).allSatisfy({ (0..<$1).contains($0) }) else { return nil }
        return day * 86_400 + numbers[0] * 3600 + numbers[1] * 60 + numbers[2]
    }

    /// `yyyy-MM-dd`.
    package var date: String { String(iso8601.prefix(10)) }

    /// `yyyy-MM-ddTHH:mm:ssZ`.
    package var iso8601: String {
        String(unsafeUninitializedCapacity: 20) { text in
            text.write(digits: year / 100, at: 0)
            text.write(digits: year % 100, at: 2)
            text[4] = UInt8(ascii: "-")
            text.write(digits: month, at: 5)
            text[7] = UInt8(ascii: "-")
            text.write(digits: day, at: 8)
            text[10] = UInt8(ascii: "T")
            text.write(digits: secondOfDay / 3600, at: 11)
            text[13] = UInt8(ascii: ":")
            text.write(digits: secondOfDay / 60 % 60, at: 14)
            text[16] = UInt8(ascii: ":")
            text.write(digits: secondOfDay % 60, at: 17)
            text[19] = UInt8(ascii: "Z")
            return 20
        }
    }

    /// The time in the form of audit records' own timestamps: `Aug 10, 2022, 10:38:27 PM`.
    package var spelledOut: String {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let hour = secondOfDay / 3600
        let clock = "\(hour % 12 == 0 ? 12 : hour % 12):\(iso8601.dropLast().suffix(5))"
        return "\(months[month - 1]) \(day), \(year), \(clock) \(hour < 12 ? "AM" : "PM")"
    }
}

extension Int {
    fileprivate func flooredQuotient(by divisor: Int) -> Int {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

extension UnsafeMutableBufferPointer<UInt8> {
    /// Writes the last two decimal digits of a number that is not negative.
    fileprivate func write(digits value: Int, at place: Int) {
        self[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10 % 10)
        self[place + 1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
    }
}
