import HTTPTypes
import Hummingbird
import KMSEngine
import KMSModel
import NIOCore

/// What a server without its root key answers: 503, in the form of whoever asked, so that clients come again later.
enum SealedAnswer {
    private static let message = "The server is sealed: it waits for its root key."

    static func response(to request: Request, _ requestID: String) -> Response {
        if request.uri.path.isSame(as: "/ping") || ConsoleEndpoint.isFor(request) { return text(requestID) }
        if KeyStoreProxyEndpoint.canBeFor(request) { return KeyStoreProxyEndpoint.sealed(message, requestID) }
        let isQuery =
            request.headers[.amzTarget] == nil
            && (QueryProtocol.hasAction(request.uri.query)
                || QueryProtocol.isForm(request.headers[.contentType]))
        let error = KMSError(.serviceUnavailable, message)
        return isQuery
            ? QueryProtocol.error(error.code.rawValue, message, error.code.httpStatus, .sts, requestID)
            : JSONProtocol.error(error, requestID).response
    }

    /// For people and for whoever asks whether the service lives.
    private static func text(_ requestID: String) -> Response {
        var headers = CallAnswer.uncached
        headers[.amznRequestID] = requestID
        headers[.contentType] = "text/plain; charset=utf-8"
        return Response(
            status: .serviceUnavailable, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: "sealed\n\n\(message)\n")))
    }
}
