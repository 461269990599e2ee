import KMSModel
import Testing

struct JSONParserTests {
    @Test(arguments: [
        ("null", JSONValue.null), ("true", .bool(true)), (" false ", .bool(false)), ("0", .number("0")),
        ("-12.50e+3", .number("-12.50e+3")), (#""""#, .string("")),
        (#""a\"\\\/\b\f\n\r\t""#, .string("a\"\\/\u{8}\u{C}\n\r\t")),
        (#""\u00e9\ud83d\ude00""#, .string("é😀")), ("[]", .array([])), ("{}", .object(JSONObject())),
        ("[1, [2]]", .array([.number("1"), .array([.number("2")])])),
        (#"{"b":1,"a":null}"#, .object(JSONObject(["b": .number("1"), "a": .null]))),
    ])
    func `a value is read as it was written`(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(text.utf8) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "tru e", "01", "1.", ".5", "-", "1e", "+1", "NaN", "'a'", "\"a", "\"\u{1}\"", "[1,]", "[1 2]",
        "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{} {}", "\"\\x\"", "\"\\u12g4\"", "\u{FEFF}{}", "// x\n1",
    ])
    func `what RFC 8259 does not allow is refused`(text: String) {
        #expect(throws: JSONFailure.self) { try JSONParser.parse(text.utf8) }
    }

    @Test(arguments: [
        #""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\ud800x""#,
    ])
    func `half of a surrogate pair is refused`(text: String) {
        #expect(throws: JSONFailure.invalidUnicode(offset: 3)) { try JSONParser.parse(text.utf8) }
    }

    @Test(arguments: [
        [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
    ])
    func `bytes that are not UTF-8 are refused`(bytes: [UInt8]) {
        #expect(throws: JSONFailure.self) { try JSONParser.parse(bytes) }
    }

    @Test func `nesting is bounded`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try JSONParser.parse(nested(JSONParser.maximumDepth).utf8) }
        #expect(throws: JSONFailure.tooDeep) { try JSONParser.parse(nested(JSONParser.maximumDepth + 1).utf8) }
        #expect(throws: JSONFailure.tooDeep) { try JSONParser.parse(nested(500_000).utf8) }
    }

    @Test func `two members of one name are refused where that matters, and the later one counts elsewhere`() throws {
        let text = #"{"a":1,"a":2}"#
        #expect(throws: JSONFailure.duplicateMember("a")) {
            try JSONParser.parse(text.utf8, refusingDuplicates: true)
        }
        guard case .object(let object) = try JSONParser.parse(text.utf8) else {
            Issue.record("not an object")
            return
        }
        #expect(object["a"] == .number("2"))
    }

    @Test func `two spellings of one letter are different names`() throws {
        let object = JSONObject([.init(name: "e\u{301}", value: .bool(true))])
        #expect(object["\u{E9}"] == nil)
        #expect(object["e\u{301}"] == .bool(true))
    }

    @Test(arguments: 0..<64)
    func `random bytes are answered, and what is accepted is written back equal`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let alphabet = Array(#"{}[]",:0123456789.eE+-truefalsn\u "#.utf8) + [0x00, 0x80, 0xC3, 0xA9, 0xFF]
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            guard let value = try? JSONParser.parse(bytes) else { continue }
            var writer = JSONWriter()
            writer.value(value)
            #expect(try JSONParser.parse(writer.bytes) == value)
        }
    }
}

struct JSONWriterTests {
    @Test(arguments: [
        (Int64(0), "0"), (1_524_085_349_095, "1524085349.095"), (1000, "1"), (1, "0.001"), (-1, "-0.001"),
        (-1500, "-1.500"),
        (1_700_000_000_120, "1700000000.120"),
    ])
    func `a timestamp has at most three decimals`(milliseconds: Int64, text: String) {
        var writer = JSONWriter()
        writer.milliseconds(milliseconds)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
    }

    @Test(arguments: ["\u{0}", "\u{1F}", " ", "!", "\"", "#", "[", "\\", "]", "\u{7F}", "\u{80}", "é", "\u{10FFFF}"])
    func `what needs an escape is found wherever it stands`(letter: String) throws {
        for place in 0..<20 {
            for count in 0..<20 {
                let text = String(repeating: "a", count: place) + letter + String(repeating: "z", count: count)
                var writer = JSONWriter()
                writer.object {
                    $0.name(escaping: text); $0.string(text)
                }
                let value = try JSONParser.parse(writer.bytes)
                #expect(value == .object(JSONObject([text: .string(text)])))
                #expect(!writer.bytes.contains { $0 < 0x20 })
            }
        }
    }

    @Test func `control characters and quotes are escaped`() {
        var writer = JSONWriter()
        writer.string("\"\\\n\r\t\u{0}\u{1F}é")
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #""\"\\\n\r\t\u0000\u001fé""#)
    }

    @Test func `members and elements are separated`() {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("a")
            writer.array { writer in
                writer.integer(1)
                writer.bool(true)
                writer.null()
            }
            writer.name(escaping: "b\"")
            writer.object { _ in }
        }
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a":[1,true,null],"b\"":{}}"#)
    }
}

/// A generator whose numbers can be had again (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
