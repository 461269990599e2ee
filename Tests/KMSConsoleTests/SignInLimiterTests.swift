import Foundation
import KMSConsole
import Testing

struct SignInLimiterTests {
    private let limiter = SignInLimiter()
    private let start = Date(timeIntervalSince1970: 1_800_000_000)
    private let burst = Int(SignInLimiter.burst)

    /// How many of 100 attempts may fail when all of them do.
    private func admitted(_ address: String, _ accessKeyID: String = "AKIA", after seconds: TimeInterval = 0) -> Int {
        (0..<100).count { _ in limiter.admit(address, accessKeyID, at: start + seconds) }
    }

    @Test func `some attempts may fail, and then one more every while`() {
        #expect(admitted("192.0.2.1") == burst)
        #expect(admitted("192.0.2.1", after: SignInLimiter.interval - 1) == 0)
        #expect(admitted("192.0.2.1", after: SignInLimiter.interval) == 1)
        #expect(admitted("192.0.2.1", after: SignInLimiter.interval) == 0)
        #expect(admitted("192.0.2.1", after: 100 * SignInLimiter.interval) == burst)
    }

    @Test func `other addresses are not slowed down`() {
        #expect(admitted("192.0.2.1") == burst)
        #expect(admitted("192.0.2.2") == burst)
        #expect(admitted("::ffff:192.0.2.3") == burst)
        #expect(admitted("::ffff:192.0.2.4") == burst)
    }

    @Test func `other access keys are not slowed down, whatever is made up`() {
        for number in 0..<100 { _ = admitted("192.0.2.1", "AKIA\(number)") }
        #expect(admitted("192.0.2.1", "AKIAIOSFODNN7EXAMPLE") == burst)
        #expect(admitted("192.0.2.1", "AKIA0") == 0)
    }

    @Test func `an access key of any length takes no more room than one`() {
        let long = String(repeating: "A", count: 128)
        #expect(admitted("192.0.2.1", long + "B") == burst)
        #expect(admitted("192.0.2.1", long + "C") == 0)
    }

    @Test(arguments: [
        ("2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:3::1"),
        ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        ("2600:3c00::1:91ff:fe00:1", "2600:3c00::2:91ff:fe00:1", "2600:3c00:0:1:1:91ff:fe00:1"),
        ("2600:3c00:0:0:1::1", "2600:3C00::2:0:0:1", "2600:3c00:1::1"), ("::1", "::2", "0:0:0:1::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"),
    ])
    func `one network of IPv6 is one address, however it is written`(address: String, same: String, other: String) {
        #expect(admitted(address) == burst)
        #expect(admitted(same) == 0)
        #expect(admitted(other) == burst)
    }

    @Test func `one network cannot make its guesses be forgotten`() {
        #expect(admitted("192.0.2.1") == burst)
        for number in 0..<(2 * SignInLimiter.mostPairs) { _ = limiter.admit("192.0.2.1", "X\(number)", at: start) }
        #expect(admitted("192.0.2.1") == 0)
        #expect(admitted("192.0.2.1", "X\(3 * SignInLimiter.mostPairs)") == 0, "what is made up shares one allowance")
        #expect(admitted("192.0.2.2", "X0") == burst)
        #expect(admitted("192.0.2.1", "another", after: 100 * SignInLimiter.interval) == burst)
    }

    @Test func `many networks make those forget first that have the most left`() {
        #expect(admitted("192.0.2.1") == burst)
        for number in 0..<(2 * SignInLimiter.mostPairs) { _ = limiter.admit("network \(number)", "AKIA", at: start) }
        #expect(admitted("192.0.2.1") == 0)
    }

    @Test func `what is shared is given back`() {
        for number in 0..<(2 * SignInLimiter.mostOfOne) { _ = limiter.admit("192.0.2.1", "X\(number)", at: start) }
        #expect(admitted("192.0.2.1", "Y") == 0)
        limiter.giveBack("192.0.2.1", "Z")
        #expect(admitted("192.0.2.1", "Y") == 1)
    }

    @Test func `accents are not compared`() {
        let marks = String(repeating: "\u{301}\u{316}", count: 100_000)
        let duration = ContinuousClock().measure {
            #expect(admitted("192.0.2.1", "A\(marks)") == burst)
            #expect(admitted("192.0.2.1", "B\(marks)") == burst)
        }
        // Swift's own comparison takes half a minute each.
        #expect(duration < .seconds(5))
    }

    @Test func `attempts that succeed cost nothing`() {
        for _ in 0..<100 {
            #expect(limiter.admit("192.0.2.1", "AKIA", at: start))
            limiter.giveBack("192.0.2.1", "AKIA")
        }
        limiter.giveBack("192.0.2.1", "AKIA")
        #expect(admitted("192.0.2.1") == burst)
    }

    @Test func `a clock that goes back gives nothing`() {
        #expect(admitted("192.0.2.1") == burst)
        #expect(admitted("192.0.2.1", after: -3600) == 0)
    }

    @Test func `of many at once no more may fail`() async {
        let looks = await withTaskGroup(of: Bool.self, returning: Int.self) { group in
            for _ in 0..<200 { group.addTask { [limiter, start] in limiter.admit("192.0.2.1", "AKIA", at: start) } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(looks == burst)
    }

    @Test func `room is made by those who have their whole allowance`() {
        #expect(admitted("192.0.2.1", after: 3600) == burst)
        for number in 1..<SignInLimiter.mostPairs { _ = limiter.admit("old \(number)", "AKIA", at: start) }
        #expect(limiter.admit("one more", "AKIA", at: start + 3600))
        #expect(admitted("192.0.2.1", after: 3600) == 0)
    }
}
