import KMSConsole
import Testing

struct FormDateTests {
    @Test(arguments: [
        ("1970-01-02", 86_400), ("2027-12-31", 1_830_211_200), ("2027-12-31T18:00", 1_830_276_000),
        ("2027-12-31T18:00:30", 1_830_276_030), ("2028-02-29T00:00", 1_835_395_200),
    ])
    func `a time is taken as UTC`(text: String, seconds: Int) { #expect(FormDate.seconds(text) == seconds) }

    @Test(arguments: [
        "", "soon", "2027-12-31T99:99", "2027-12-31T24:00", "2027-12-31T18:60", "2027-13-01", "2027-02-29",
        "2027-02-30T10:00",
        "2027-00-10", "2027-1-1", "27-12-31", "2027-12-31 18:00", "2027-12-31T18", "2027-12-31T18:00Z",
        "2027-12-31T18:00:61",
        "2027-12-31T18:00+02:00", "２０２７-12-31", "-027-12-31", "2027/12/31",
    ])
    func `what is no time is refused`(text: String) { #expect(FormDate.seconds(text) == nil) }
}
