package import struct Foundation.Date

/// A place outside this server where keys are, and how it is reached.
///
/// Source: KMS API Reference, `CustomKeyStoresListEntry`.
package struct CustomKeyStoreRecord: Sendable, Equatable {
    /// Whose it is, and where.
    package let realm: Realm
    /// Unique in the realm.
    package let id: CustomKeyStoreID
    /// When it was made.
    package let creationDate: Date
    /// Unique in the realm.
    package var name: String
    /// What is behind it.
    package var backing: Backing
    /// What it was last told to be, and whether that came about.
    package var connection: Connection
    /// How often it was told to connect: who sees a new number begins anew, also when what was between was missed.
    package var connectCount: Int64
    /// Which of these times a connection came about the last time.
    package var lastEstablished: Int64
    /// What the cryptography module wrapped: the password of the cluster's user, or the secret of the proxy's credential.
    package var wrappedSecret: [UInt8]
    /// Grows by one with each change; the store refuses a change that was made from an older version.
    package var version: Int64

    /// What keeps the keys.
    package enum Backing: Sendable, Equatable, Codable {
        /// A token of PKCS#11 that the operator has named.
        case cluster(id: String, trustAnchor: String)
        /// A proxy of an external key manager.
        case proxy(XksProxyRecord)
    }

    /// What is remembered of the connection: on its way and back, a store is what it was.
    package enum Connection: Sendable, Equatable, Codable {
        case disconnected
        case connected
        /// - Parameter code: One of the API's `ConnectionErrorCodeType`.
        case failed(code: String)
    }

    package init(
        realm: Realm, id: CustomKeyStoreID, creationDate: Date, name: String, backing: Backing,
        connection: Connection = .disconnected, connectCount: Int64 = 0, lastEstablished: Int64 = 0,
        wrappedSecret: [UInt8], version: Int64 = 1
    ) {
        self.realm = realm
        self.id = id
        self.creationDate = creationDate
        self.name = name
        self.backing = backing
        self.connection = connection
        self.connectCount = connectCount
        self.lastEstablished = lastEstablished
        self.wrappedSecret = wrappedSecret
        self.version = version
    }

    /// Whether it was connected since it was last told to be.
    package var isEstablished: Bool { lastEstablished == connectCount }

    /// The API's `CustomKeyStoreType`.
    package var type: String {
        switch backing {
        case .cluster: "AWS_CLOUDHSM"
        case .proxy: "EXTERNAL_KEY_STORE"
        }
    }
}

/// Where the proxy of an external key store is, and whom it knows.
package struct XksProxyRecord: Sendable, Equatable, Codable {
    /// The API's `XksProxyConnectivityType`.
    package var connectivity: String
    /// Scheme and host, such as `https://kms.example`.
    package var uriEndpoint: String
    /// What stands before the names of the proxy's operations, such as `/example/kms/xks/v1`.
    package var uriPath: String
    /// The access key that requests are signed with; its secret is wrapped beside the record.
    package var accessKeyID: String
    /// The endpoint service of the network that the proxy is in.
    package var vpcEndpointServiceName: String?
    /// The account that the service is of.
    package var vpcEndpointServiceOwner: AccountID?

    package init(
        connectivity: String, uriEndpoint: String, uriPath: String, accessKeyID: String,
        vpcEndpointServiceName: String? = nil, vpcEndpointServiceOwner: AccountID? = nil
    ) {
        self.connectivity = connectivity
        self.uriEndpoint = uriEndpoint
        self.uriPath = uriPath
        self.accessKeyID = accessKeyID
        self.vpcEndpointServiceName = vpcEndpointServiceName
        self.vpcEndpointServiceOwner = vpcEndpointServiceOwner
    }
}

extension CustomKeyStoreRecord {
    /// What a store keeps as one document, in which it does not look.
    private struct Document: Codable {
        let name: String
        let creationDate: Date
        let backing: Backing
        let connection: Connection
        // Nil in what was written before there were such numbers.
        let connectCount: Int64?
        let lastEstablished: Int64?
    }

    /// Name, date, backing and connection, as JSON.
    ///
    /// - Throws: `EncodingError`, for a date that JSON has no number for.
    package func document() throws -> [UInt8] {
        try RecordJSON.bytes(
            of: Document(
                name: name, creationDate: creationDate, backing: backing, connection: connection,
                connectCount: connectCount, lastEstablished: lastEstablished))
    }

    /// Reads what ``document()`` wrote.
    ///
    /// - Throws: `DecodingError` when it is not one.
    package init(realm: Realm, id: CustomKeyStoreID, document: [UInt8], wrappedSecret: [UInt8], version: Int64) throws {
        let read: Document = try RecordJSON.record(in: document)
        self.init(
            realm: realm, id: id, creationDate: read.creationDate, name: read.name, backing: read.backing,
            connection: read.connection, connectCount: read.connectCount ?? 0,
            lastEstablished: read.lastEstablished ?? read.connectCount ?? 0, wrappedSecret: wrappedSecret,
            version: version)
    }
}
