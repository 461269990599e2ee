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

    @Test func `one network of IPv6 is one address`() {
        #expect(admitted("2001:db8:1:2::1") == burst)
        #expect(admitted("2001:db8:1:2:3:4:5:6") == 0)
        #expect(admitted("2001:db8:1:3::1") == burst)
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
