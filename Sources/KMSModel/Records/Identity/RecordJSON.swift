import Foundation

/// The JSON of records that are kept as one document: members in the order of their names, dates in seconds since 1970.
enum RecordJSON {
    /// - Throws: `EncodingError`, for a date that JSON has no number for.
    static func bytes(of record: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .secondsSince1970
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(record))
    }

    /// - Throws: `DecodingError` for bytes that are not such a record.
    static func record<Record: Decodable>(in bytes: [UInt8]) throws -> Record {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .secondsSince1970
        return try decoder.decode(Record.self, from: Data(bytes))
    }
}
