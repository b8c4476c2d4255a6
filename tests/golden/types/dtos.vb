' Options:
'Date: 2026-01-02 03:04:05
'Version: 1.2.3
'Tip: To override a DTO option, remove "''" prefix before updating
'BaseUrl: https://ai.example.org
'
'''GlobalNamespace: 
'''MakePartial: True
'''MakeVirtual: True
'''AddReturnMarker: True
'''AddDescriptionAsComments: True
'''AddDataContractAttributes: False
'''AddIndexesToDataMembers: False
'''AddGeneratedCodeAttributes: False
'''AddResponseStatus: False
'''AddImplicitVersion: 
'''InitializeCollections: True
'''IncludeTypes: 
'''ExcludeTypes: 
'''AddNamespaces: 

Imports System
Imports System.IO
Imports System.Collections
Imports System.Collections.Generic
Imports System.Runtime.Serialization
Imports ServiceStack
Imports ServiceStack.DataAnnotations

Namespace Global

    Namespace AiServer.ServiceModel

        '''<Summary>
        '''What every generation has.
        '''</Summary>
        Public Interface IGeneration
            Property RefId As String
            Property Tag As String
        End Interface

        '''<Summary>
        '''How.
        '''</Summary>
        Public Enum Mode
            MP3
            JsonObject
        End Enum

        <EnumAsInt>
        Public Enum Task
            TextToImage = 1
            SpeechToText = 8
        End Enum

        '''<Summary>
        '''A thing of every kind. In two lines.
        '''</Summary>
        <DataContract>
        Public Partial Class Thing
            '''<Summary>
            '''The number that it is known by.
            '''</Summary>
            <DataMember>
            Public Overridable Property Id As Long

            <DataMember>
            Public Overridable Property ParentId As Long?

            <DataMember>
            Public Overridable Property From As String

            '''<Summary>
            '''At most so many; &quot;about&quot; will do. * /
            '''</Summary>
            <DataMember(Name:="max_tokens")>
            Public Overridable Property MaxTokens As Integer?

            <DataMember(Name:="logprobs")>
            Public Overridable Property LogProbs As Boolean?

            <DataMember>
            Public Overridable Property Share As Double

            <DataMember>
            Public Overridable Property Denoise As Single?

            <DataMember>
            Public Overridable Property Cost As Decimal

            <DataMember>
            Public Overridable Property Enabled As Boolean

            <DataMember>
            Public Overridable Property CreatedDate As Date

            <DataMember>
            Public Overridable Property OfflineDate As Date?

            <DataMember>
            Public Overridable Property Duration As TimeSpan?

            <DataMember>
            Public Overridable Property Bytes As Byte()

            <DataMember>
            Public Overridable Property Anything As Object

            <DataMember>
            Public Overridable Property Tags As List(Of String) = New List(Of String)()

            <DataMember>
            Public Overridable Property Names As List(Of String)

            <DataMember>
            Public Overridable Property ApiModels As Dictionary(Of String, String) = New Dictionary(Of String, String)()

            <DataMember>
            Public Overridable Property Counts As Dictionary(Of Integer, Long)

            <DataMember>
            Public Overridable Property Paths As Dictionary(Of Task, List(Of String))

            <DataMember>
            Public Overridable Property Mode As Mode

            <DataMember>
            Public Overridable Property Task As Task?

            <DataMember>
            Public Overridable Property Pairs As List(Of KeyValuePair(Of String, Integer))

            <DataMember>
            Public Overridable Property Other As Thing

            <DataMember>
            Public Overridable Property [Error] As ResponseStatus
        End Class

        Public Enum Plain
            TopLeft
            Center
        End Enum

        <DataContract>
        Public Partial Class Special
            Inherits Thing

            <DataMember>
            Public Overridable Property Place As Plain?
        End Class

        Public Partial Class MakeThingResponse
            Public Overridable Property Results As List(Of Thing)

            Public Overridable Property ResponseStatus As ResponseStatus
        End Class

        '''<Summary>
        '''Makes a thing.
        '''</Summary>
        <Route("/v1/things", "POST")>
        <Route("/things/{Id}")>
        Public Partial Class MakeThing
            Implements IReturn(Of MakeThingResponse), IGeneration, IPost

            Public Overridable Property Image As Stream

            '''<Summary>
            '''What to make.
            '''</Summary>
            Public Overridable Property Prompt As String

            Public Overridable Property Mode As Mode

            Public Overridable Property RefId As String Implements IGeneration.RefId

            Public Overridable Property Tag As String Implements IGeneration.Tag
        End Class

        <DataContract>
        Public Partial Class MakeSpecial
            Inherits Special
            Implements IReturn(Of MakeThingResponse)

            <DataMember>
            Public Overridable Property Provider As String
        End Class

        Public Partial Class QueryThings
            Inherits QueryDb(Of Thing)
            Implements IReturn(Of QueryResponse(Of Thing))

            Public Overridable Property Id As Long?
        End Class

        Public Partial Class CreateThing
            Implements IReturn(Of MakeThingResponse), ICreateDb(Of Thing)

            Public Overridable Property Name As String
        End Class

        '''<Summary>
        '''Deletes it.
        '''</Summary>
        Public Partial Class DeleteThing
            Implements IReturnVoid, IDeleteDb(Of Thing)

            Public Overridable Property Id As Integer
        End Class

        Public Partial Class GetThingFile
            Implements IReturn(Of Byte()), IGet
        End Class

        Public Partial Class GetThingText
            Implements IReturn(Of String), IGet
        End Class

        Public Partial Class GetThingNames
            Implements IReturn(Of List(Of String)), IGet
        End Class

    End Namespace

End Namespace
