import KMSServer
import Testing

@Suite struct HTTPDateTests {
    /// Source: RFC 9110, section 5.6.7, and a calendar.
    @Test(
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (1_795_910_399, "Sat, 28 Nov 2026 23:59:59 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] as [(Int, String)])
    func `times are written as HTTP writes them`(second: Int, text: String) {
        #expect(HTTPDate.text(of: second) == text)
    }
}
