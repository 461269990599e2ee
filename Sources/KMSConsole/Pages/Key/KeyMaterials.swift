import KMSAccess
import KMSEngine
import KMSModel

/// The key material that a key with imported material has, and lacks.
struct KeyMaterials: Sendable {
    /// One generation of it.
    struct Row: Sendable {
        /// Nil for kinds of keys whose one material has no identifier.
        let id: String?
        let description: String?
        /// What it is to the key.
        let role: String
        let isPresent: Bool
        let ending: Moment?
        /// Where it is imported again.
        let comeback: String?
    }

    private(set) var rows: [Row] = []
    /// Why the rows are not all that there is.
    private(set) var materialRefusal: String?
    /// Those that can be deleted.
    private(set) var deletable: [Choice] = []
    private(set) var canDelete = false
    /// Whether further material can be imported, for the next rotation.
    private(set) var canHaveMore = false
    /// Whether some waits for the next rotation.
    private(set) var isPending = false

    /// Asks for them.
    init(of page: KeyPage, _ key: JSONObject) async {
        let isSymmetric = key.text("KeySpec") == KeySpec.symmetricDefault.rawValue
        let canImport = ImportStates.contains(key.text("KeyState"))
        var entries: [JSONObject] = []
        if isSymmetric {
            do throws(ConsoleFailure) {
                entries = try await page.kms(
                    .listKeyRotations,
                    ["IncludeKeyMaterial": .string("ALL_KEY_MATERIAL"), "Limit": .number("1000")]
                ).objects("Rotations")
            } catch {
                materialRefusal = error.sentence
            }
        }
        rows = entries.map { Self.row($0, canImport ? page.path(.material) : nil) }
        if !isSymmetric || materialRefusal != nil { rows = [Self.only(key)] }
        isPending = entries.contains { $0.text("KeyMaterialState")?.hasPrefix("PENDING") ?? false }
        let isReplica = key.object("MultiRegionConfiguration")?.text("MultiRegionKeyType") == "REPLICA"
        canHaveMore = isSymmetric && !rows.isEmpty && !isPending && !isReplica
        let chosen = page.typed("material-id", in: "delete", else: key.text("CurrentKeyMaterialId") ?? "")
        deletable = rows.filter(\.isPresent).map { row in
            Choice(
                value: row.id ?? "", name: row.id.map { "\(row.role): \($0)" } ?? row.role,
                isChosen: row.id == chosen)
        }
        canDelete = !deletable.isEmpty
    }

    /// The identifier, if it is one of a material that the key lacks.
    func missing(_ id: String?) -> String? { rows.first { $0.id == id && !$0.isPresent }?.id }

    private static func row(_ entry: JSONObject, _ path: String?) -> Row {
        let id = entry.text("KeyMaterialId") ?? ""
        let isPresent = entry.text("ImportState") == "IMPORTED"
        let role =
            switch entry.text("KeyMaterialState") {
            case "CURRENT": "In use"
            case "NON_CURRENT": "Older, for what was encrypted with it"
            case "PENDING_ROTATION": "Waits for the next rotation"
            case "PENDING_MULTI_REGION_IMPORT_AND_ROTATION":
                "Waits to be imported into every related key, and for the next rotation"
            case let other: other ?? ""
            }
        return Row(
            id: id, description: entry.text("KeyMaterialDescription"), role: role, isPresent: isPresent,
            ending: entry.date("ValidTo").map(Moment.init),
            comeback: isPresent ? nil : path.map { "\($0)?again=\(id.inQuery)#first" })
    }

    /// What the key itself tells of its material.
    private static func only(_ key: JSONObject) -> Row {
        Row(
            id: nil, description: nil, role: "Key material of the key", isPresent: key.text("ExpirationModel") != nil,
            ending: key.date("ValidTo").map(Moment.init), comeback: nil)
    }
}

/// The states in which a key takes key material in.
enum ImportStates {
    static func contains(_ state: String?) -> Bool {
        switch state.flatMap(KeyState.init) {
        case .enabled?, .disabled?, .pendingImport?, .updating?: true
        default: false
        }
    }
}

/// The ways in which material of a key can be wrapped here.
struct WrappingChoices: Sendable {
    private let pairs: [(algorithm: WrappingAlgorithm, spec: WrappingKeySpec)]

    init(for key: JSONObject, in partition: Partition) {
        let spec = key.text("KeySpec").flatMap(KeySpec.init)
        pairs = WrappingAlgorithm.allCases.flatMap { algorithm in
            WrappingKeySpec.allCases.compactMap { wrappingKey in
                let isPossible = spec?.canBeImported(by: algorithm, to: wrappingKey, in: partition) ?? false
                return isPossible ? (algorithm, wrappingKey) : nil
            }
        }
    }

    func specs(chosen: String?) -> [Choice] {
        Choice.list(
            WrappingKeySpec.allCases.filter { spec in pairs.contains { $0.spec == spec } }
                .map { ($0.rawValue, $0.rawValue) },
            chosen: chosen ?? WrappingKeySpec.rsa4096.rawValue)
    }

    /// What fits into one block is wrapped by itself, and the rest by a key that wraps more.
    func algorithms(chosen: String?) -> [Choice] {
        let offered = WrappingAlgorithm.allCases.filter { algorithm in pairs.contains { $0.algorithm == algorithm } }
        let usual: WrappingAlgorithm = offered.contains(.rsaesOAEPSHA256) ? .rsaesOAEPSHA256 : .rsaAESKeyWrapSHA256
        return Choice.list(offered.map { ($0.rawValue, $0.rawValue) }, chosen: chosen ?? usual.rawValue)
    }
}
