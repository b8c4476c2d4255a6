(* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//GlobalNamespace: 
//AddReturnMarker: True
//AddDescriptionAsComments: True
//AddDataContractAttributes: False
//AddIndexesToDataMembers: False
//AddGeneratedCodeAttributes: False
//AddResponseStatus: False
//AddImplicitVersion: 
//InitializeCollections: True
//IncludeTypes: 
//ExcludeTypes: 
//AddNamespaces: 
*)

namespace AiServer.ServiceModel

open System
open System.IO
open System.Collections
open System.Collections.Generic
open System.Runtime.Serialization
open ServiceStack
open ServiceStack.DataAnnotations

    ///<summary>
    ///How.
    ///</summary>
    type Mode =
        | MP3 = 0
        | JsonObject = 1

    [<EnumAsInt>]
    type Task =
        | TextToImage = 1
        | SpeechToText = 8

    ///<summary>
    ///A thing of every kind. In two lines.
    ///</summary>
    [<DataContract>]
    [<AllowNullLiteral>]
    type Thing() =
        ///<summary>
        ///The number that it is known by.
        ///</summary>
        [<DataMember>]
        member val Id:Int64 = new Int64() with get,set

        [<DataMember>]
        member val ParentId:Nullable<Int64> = new Nullable<Int64>() with get,set

        [<DataMember>]
        member val From:String = null with get,set

        ///<summary>
        ///At most so many; &quot;about&quot; will do. * /
        ///</summary>
        [<DataMember(Name="max_tokens")>]
        member val MaxTokens:Nullable<Int32> = new Nullable<Int32>() with get,set

        [<DataMember(Name="logprobs")>]
        member val LogProbs:Nullable<Boolean> = new Nullable<Boolean>() with get,set

        [<DataMember>]
        member val Share:Double = new Double() with get,set

        [<DataMember>]
        member val Denoise:Nullable<Single> = new Nullable<Single>() with get,set

        [<DataMember>]
        member val Cost:Decimal = new Decimal() with get,set

        [<DataMember>]
        member val Enabled:Boolean = new Boolean() with get,set

        [<DataMember>]
        member val CreatedDate:DateTime = new DateTime() with get,set

        [<DataMember>]
        member val OfflineDate:Nullable<DateTime> = new Nullable<DateTime>() with get,set

        [<DataMember>]
        member val Duration:Nullable<TimeSpan> = new Nullable<TimeSpan>() with get,set

        [<DataMember>]
        member val Bytes:Byte[] = null with get,set

        [<DataMember>]
        member val Anything:Object = null with get,set

        [<DataMember>]
        member val Tags:ResizeArray<String> = new ResizeArray<String>() with get,set

        [<DataMember>]
        member val Names:ResizeArray<String> = null with get,set

        [<DataMember>]
        member val ApiModels:Dictionary<String, String> = new Dictionary<String, String>() with get,set

        [<DataMember>]
        member val Counts:Dictionary<Int32, Int64> = null with get,set

        [<DataMember>]
        member val Paths:Dictionary<Task, ResizeArray<String>> = null with get,set

        [<DataMember>]
        member val Mode:Mode = new Mode() with get,set

        [<DataMember>]
        member val Task:Nullable<Task> = new Nullable<Task>() with get,set

        [<DataMember>]
        member val Pairs:ResizeArray<KeyValuePair<String, Int32>> = null with get,set

        [<DataMember>]
        member val Other:Thing = null with get,set

        [<DataMember>]
        member val Error:ResponseStatus = null with get,set

    type Plain =
        | TopLeft = 0
        | Center = 1

    [<DataContract>]
    [<AllowNullLiteral>]
    type Special() =
        inherit Thing()
        [<DataMember>]
        member val Place:Nullable<Plain> = new Nullable<Plain>() with get,set

    [<AllowNullLiteral>]
    type MakeThingResponse() =
        member val Results:ResizeArray<Thing> = null with get,set

        member val ResponseStatus:ResponseStatus = null with get,set

    ///<summary>
    ///Makes a thing.
    ///</summary>
    [<Route("/v1/things", "POST")>]
    [<Route("/things/{Id}")>]
    [<AllowNullLiteral>]
    type MakeThing() =
        interface IReturn<MakeThingResponse>
        interface IPost
        member val Image:Stream = null with get,set

        ///<summary>
        ///What to make.
        ///</summary>
        member val Prompt:String = null with get,set

        member val Mode:Mode = new Mode() with get,set

        member val RefId:String = null with get,set

        member val Tag:String = null with get,set

    [<DataContract>]
    [<AllowNullLiteral>]
    type MakeSpecial() =
        inherit Special()
        interface IReturn<MakeThingResponse>
        [<DataMember>]
        member val Provider:String = null with get,set

    [<AllowNullLiteral>]
    type QueryThings() =
        inherit QueryDb<Thing>()
        interface IReturn<QueryResponse<Thing>>
        member val Id:Nullable<Int64> = new Nullable<Int64>() with get,set

    [<AllowNullLiteral>]
    type CreateThing() =
        interface IReturn<MakeThingResponse>
        interface ICreateDb<Thing>
        member val Name:String = null with get,set

    ///<summary>
    ///Deletes it.
    ///</summary>
    [<AllowNullLiteral>]
    type DeleteThing() =
        interface IReturnVoid
        interface IDeleteDb<Thing>
        member val Id:Int32 = new Int32() with get,set

    [<AllowNullLiteral>]
    type GetThingFile() =
        interface IReturn<Byte[]>
        interface IGet

    [<AllowNullLiteral>]
    type GetThingText() =
        interface IReturn<String>
        interface IGet

    [<AllowNullLiteral>]
    type GetThingNames() =
        interface IReturn<ResizeArray<String>>
        interface IGet
