import KMSServer
import Testing

@Suite
struct BodyPartsTests {
    @Test(
        arguments: [
            // Requests, the parts of each, and their length.
            ("one body that is large", 1, 10_000, 16_384, true),
            ("bodies in one part", 100_000, 1, 2, true),
            ("bodies in a few short parts", 10_000, BodyParts.perRequest, 1, true),
            ("a body in parts that are just long enough", 1, 100_000, BodyParts.fairByteCount, true),
            ("as many crumbs as there may be", 1, BodyParts.most, 0, true),
            ("one more", 1, BodyParts.most + 1, 0, false),
            ("a body byte by byte", 1, BodyParts.most * 64 / 63 + 1, 1, false),
            ("many bodies byte by byte", 100, BodyParts.perRequest * 2, 1, false),
        ] as [(String, Int, Int, Int, Bool)])
    func `a connection goes on as long as its parts bring something`(
        name: String, requests: Int, parts: Int, byteCount: Int, goesOn: Bool
    ) {
        var sample = BodyParts()
        var isAdmitted = true
        for _ in 0..<requests {
            sample.begin()
            for _ in 0..<parts where isAdmitted { isAdmitted = sample.admit(byteCount) }
        }
        #expect(isAdmitted == goesOn)
    }

    @Test
    func `what was sent before is no credit`() {
        var sample = BodyParts()
        for _ in 0..<1000 { sample.begin() }
        var isAdmitted = sample.admit(1 << 20)
        #expect(isAdmitted)
        for _ in 0..<BodyParts.most where isAdmitted { isAdmitted = sample.admit(0) }
        #expect(isAdmitted)
        isAdmitted = sample.admit(0)
        #expect(!isAdmitted)
    }
}
