package import struct Foundation.Date

extension JSONWriter {
    /// Writes a timestamp as the API does: seconds since 1970 with at most three decimals.
    package mutating func timestamp(_ date: Date) {
        milliseconds(Int64((date.timeIntervalSince1970 * 1000).rounded()))
    }
}
