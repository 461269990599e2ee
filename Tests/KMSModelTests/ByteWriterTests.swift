import KMSModel
import Testing

struct ByteWriterTests {
    @Test(arguments: 0..<16)
    func `whatever is appended stands there in order, however much room there was`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var writer = ByteWriter(capacity: Int(seed))
        var expected: [UInt8] = []
        for _ in 0..<200 {
            let text = String(repeating: "aé", count: Int.random(in: 0...40, using: &random))
            switch Int.random(in: 0...5, using: &random) {
            case 0:
                writer.append(0x41)
                expected.append(0x41)
            case 1:
                writer.append(text)
                expected += text.utf8
            case 2:
                writer.append("static" as StaticString)
                expected += "static".utf8
            case 3:
                writer.append(Array(text.utf8))
                expected += text.utf8
            case 4:
                let slice = Array(text.utf8).dropFirst()
                writer.append(slice)
                expected += slice
            default:
                let length = Int.random(in: 0...expected.count, using: &random)
                writer.takeBack(to: length)
                expected.removeSubrange(length...)
            }
            #expect(writer.count == expected.count)
        }
        #expect(writer.bytes == expected)
        #expect(writer.withBytes { Array($0) } == expected)
    }

    @Test func `a line is taken back, and another one written in its place`() {
        var writer = JSONWriter(capacity: 0)
        for line in ["a", "b"] {
            writer.object { $0.member(line) }
            writer.lineFeed()
        }
        writer.takeBack(to: writer.count / 2)
        writer.object { $0.member("c") }
        writer.lineFeed()
        #expect(writer.bytes == Array("{\"is\":\"a\"}\n{\"is\":\"c\"}\n".utf8))
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ value: String) {
        name("is")
        string(value)
    }
}
