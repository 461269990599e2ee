import Foundation

/// Dates as policies and requests write them.
///
/// Source: IAM User Guide, "Date condition operators": a form of ISO 8601, or seconds since 1970.
enum PolicyDate {
    /// Seconds since 1970, or nil for a text that is no date.
    static func seconds(_ text: String) -> Double? {
        if let epoch = Double(text), epoch.isFinite { return epoch }
        return ISODate(text)?.seconds
    }
}

/// `yyyy-MM-dd`, then perhaps `THH:mm`, `:ss`, a fraction, and `Z` or an offset.
private struct ISODate {
    let seconds: Double

    init?(_ text: String) {
        var rest = text.utf8[...]
        func number(_ digits: Int) -> Int? {
            guard rest.count >= digits else { return nil }
            let field = rest.prefix(digits)
            guard field.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(digits)
            return field.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        func take(_ character: Character) -> Bool {
            guard let byte = character.asciiValue, rest.first == byte else { return false }
            rest = rest.dropFirst()
            return true
        }
        guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2),
            (1...12).contains(month), day >= 1, Self.days(year, month, day) < Self.firstDay(after: month, of: year)
        else { return nil }
        var total = Double(Self.days(year, month, day)) * 86_400
        if take("T") {
            guard let hour = number(2), take(":"), let minute = number(2), hour < 24, minute < 60 else { return nil }
            total += Double(hour * 3600 + minute * 60)
            if take(":") {
                guard let second = number(2), second <= 60 else { return nil }
                total += Double(second)
                if take(".") {
                    let fraction = rest.prefix { (0x30...0x39).contains($0) }
                    guard !fraction.isEmpty, fraction.count <= 9 else { return nil }
                    total += Double("0." + String(decoding: fraction, as: UTF8.self)) ?? 0
                    rest = rest.dropFirst(fraction.count)
                }
            }
            let isEast = rest.first == UInt8(ascii: "+")
            if isEast || rest.first == UInt8(ascii: "-") {
                rest = rest.dropFirst()
                guard let hours = number(2), hours < 24 else { return nil }
                _ = take(":")
                guard let minutes = number(2), minutes < 60 else { return nil }
                total += Double(hours * 3600 + minutes * 60) * (isEast ? -1 : 1)
            } else {
                _ = take("Z")
            }
        }
        guard rest.isEmpty else { return nil }
        seconds = total
    }

    private static func firstDay(after month: Int, of year: Int) -> Int {
        month == 12 ? days(year + 1, 1, 1) : days(year, month + 1, 1)
    }

    /// Days since 1970-01-01 in the Gregorian calendar.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        // Years begin in March here, so that the leap day is their last.
        let (year, month) = month > 2 ? (year, month - 3) : (year - 1, month + 9)
        let leapDays = year / 4 - year / 100 + year / 400
        return year * 365 + leapDays + (month * 153 + 2) / 5 + day - 1 - 719_468
    }
}
