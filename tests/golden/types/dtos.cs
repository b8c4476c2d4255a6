/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//GlobalNamespace: 
//MakePartial: True
//MakeVirtual: True
//MakeInternal: False
//AddNullableAnnotations: False
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
*/

using System;
using System.IO;
using System.Collections;
using System.Collections.Generic;
using System.Runtime.Serialization;
using ServiceStack;
using ServiceStack.DataAnnotations;

namespace AiServer.ServiceModel
{
    ///<summary>
    ///What every generation has.
    ///</summary>
    public partial interface IGeneration
    {
        string RefId { get; set; }
        string Tag { get; set; }
    }

    ///<summary>
    ///How.
    ///</summary>
    [DataContract]
    public enum Mode
    {
        [EnumMember(Value="mp3")]
        MP3,
        [EnumMember(Value="json_object")]
        JsonObject,
    }

    [EnumAsInt]
    public enum Task
    {
        TextToImage = 1,
        SpeechToText = 8,
    }

    ///<summary>
    ///A thing of every kind. In two lines.
    ///</summary>
    [DataContract]
    public partial class Thing
    {
        ///<summary>
        ///The number that it is known by.
        ///</summary>
        [DataMember]
        public virtual long Id { get; set; }

        [DataMember]
        public virtual long? ParentId { get; set; }

        [DataMember]
        public virtual string From { get; set; }

        ///<summary>
        ///At most so many; &quot;about&quot; will do. * /
        ///</summary>
        [DataMember(Name="max_tokens")]
        public virtual int? MaxTokens { get; set; }

        [DataMember(Name="logprobs")]
        public virtual bool? LogProbs { get; set; }

        [DataMember]
        public virtual double Share { get; set; }

        [DataMember]
        public virtual float? Denoise { get; set; }

        [DataMember]
        public virtual decimal Cost { get; set; }

        [DataMember]
        public virtual bool Enabled { get; set; }

        [DataMember]
        public virtual DateTime CreatedDate { get; set; }

        [DataMember]
        public virtual DateTime? OfflineDate { get; set; }

        [DataMember]
        public virtual TimeSpan? Duration { get; set; }

        [DataMember]
        public virtual byte[] Bytes { get; set; }

        [DataMember]
        public virtual Object Anything { get; set; }

        [DataMember]
        public virtual List<string> Tags { get; set; } = new List<string>();

        [DataMember]
        public virtual List<string> Names { get; set; }

        [DataMember]
        public virtual Dictionary<string, string> ApiModels { get; set; } = new Dictionary<string, string>();

        [DataMember]
        public virtual Dictionary<int, long> Counts { get; set; }

        [DataMember]
        public virtual Dictionary<Task, List<string>> Paths { get; set; }

        [DataMember]
        public virtual Mode Mode { get; set; }

        [DataMember]
        public virtual Task? Task { get; set; }

        [DataMember]
        public virtual List<KeyValuePair<string, int>> Pairs { get; set; }

        [DataMember]
        public virtual Thing Other { get; set; }

        [DataMember]
        public virtual ResponseStatus Error { get; set; }
    }

    public enum Plain
    {
        TopLeft,
        Center,
    }

    [DataContract]
    public partial class Special
        : Thing
    {
        [DataMember]
        public virtual Plain? Place { get; set; }
    }

    public partial class MakeThingResponse
    {
        public virtual List<Thing> Results { get; set; }

        public virtual ResponseStatus ResponseStatus { get; set; }
    }

    ///<summary>
    ///Makes a thing.
    ///</summary>
    [Route("/v1/things", "POST")]
    [Route("/things/{Id}")]
    public partial class MakeThing
        : IReturn<MakeThingResponse>, IGeneration, IPost
    {
        public virtual Stream Image { get; set; }

        ///<summary>
        ///What to make.
        ///</summary>
        public virtual string Prompt { get; set; }

        public virtual Mode Mode { get; set; }

        public virtual string RefId { get; set; }

        public virtual string Tag { get; set; }
    }

    [DataContract]
    public partial class MakeSpecial
        : Special, IReturn<MakeThingResponse>
    {
        [DataMember]
        public virtual string Provider { get; set; }
    }

    public partial class QueryThings
        : QueryDb<Thing>, IReturn<QueryResponse<Thing>>
    {
        public virtual long? Id { get; set; }
    }

    public partial class CreateThing
        : IReturn<MakeThingResponse>, ICreateDb<Thing>
    {
        public virtual string Name { get; set; }
    }

    ///<summary>
    ///Deletes it.
    ///</summary>
    public partial class DeleteThing
        : IReturnVoid, IDeleteDb<Thing>
    {
        public virtual int Id { get; set; }
    }

    public partial class GetThingFile
        : IReturn<byte[]>, IGet
    {
    }

    public partial class GetThingText
        : IReturn<string>, IGet
    {
    }

    public partial class GetThingNames
        : IReturn<List<string>>, IGet
    {
    }
}
