import Foundation
import KMSEngine
import KMSModel
import Testing

/// What a record shows of an answer (AWS CloudTrail User Guide, "CloudTrail record contents", `responseElements`).
struct ResponseElementsTests {
    @Test func `an answer is shown with names in lower case and times as text, at every depth`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let answer = try await harness.call(.createKey, #"{"MultiRegion":true,"Description":"Of Two"}"#).object()
            guard case .object(let key)? = answer["KeyMetadata"], case .number(let created)? = key["CreationDate"],
                case .object(let regions)? = key["MultiRegionConfiguration"],
                case .object(let primary)? = regions["PrimaryKey"], let arn = key["Arn"]
            else {
                Issue.record("\(answer)")
                return
            }
            let record = try #require(try harness.auditRecords().last { $0.text("eventName") == "CreateKey" })
            guard case .object(let elements)? = record["responseElements"],
                case .object(let shown)? = elements["keyMetadata"],
                case .object(let shownRegions)? = shown["multiRegionConfiguration"]
            else {
                Issue.record("\(record)")
                return
            }
            #expect(elements.members.map(\.name) == ["keyMetadata"])
            #expect(shown.members.map { $0.name.lowercased() } == key.members.map { $0.name.lowercased() })
            let names = shown.members.map(\.name)
            #expect(names.allSatisfy { $0.first?.isLowercase == true }, "\(names)")
            let time = UTCTime(Date(timeIntervalSince1970: try #require(Double(created)))).spelledOut
            #expect(shown["creationDate"] == .string(time))
            #expect(shown["arn"] == arn)
            #expect(shown["description"] == .string("Of Two"))
            #expect(
                shownRegions["primaryKey"]
                    == .object(JSONObject(["arn": arn, "region": primary["Region"] ?? .null])))
            try await harness.close()
        }
    }
}
